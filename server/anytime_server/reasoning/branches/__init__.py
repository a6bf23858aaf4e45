"""Interim answers: a branch forked off the thinking, and all branches of a trunk in their order."""
