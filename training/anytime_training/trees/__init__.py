"""Rollouts packed as trees: rows, their tensors, and attention over them."""
