"""The parts of the training benchmark."""
