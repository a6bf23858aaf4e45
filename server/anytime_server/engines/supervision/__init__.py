"""The rules by which an engine is watched and started again: pure, with the time given to them."""
