"""The parts of the BRPO study."""
