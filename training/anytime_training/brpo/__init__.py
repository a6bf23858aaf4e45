"""BRPO on TRL: the trainer, its configuration, and what it collaborates with."""
