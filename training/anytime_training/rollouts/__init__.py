"""Thinking cut at every budget, and the answers sampled off it."""
