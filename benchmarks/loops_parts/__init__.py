"""The parts of benchmarks/loops.py."""
