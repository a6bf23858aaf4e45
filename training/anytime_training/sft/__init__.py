"""Supervised fine-tuning on traces with answers branched off at random cuts."""
