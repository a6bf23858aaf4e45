import sys
from pathlib import Path

# The benchmarks are scripts: their modules are found beside them.
sys.path.append(str(Path(__file__).parents[2] / "benchmarks"))
