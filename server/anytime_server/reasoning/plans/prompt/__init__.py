"""The prompt of a request: rendered by the model's chat template, and refused early if it can't fit."""
