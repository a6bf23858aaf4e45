"""Accuracy at every budget, of a local model or a running server, with confidence intervals."""
