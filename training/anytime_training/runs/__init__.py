"""Runs from recipes: schemas, what a run needs, its folder, its progress, its checkpoints."""
