"""BRPO as pure functions of tensors: priors, advantages, importance ratios. Imports no TRL."""
