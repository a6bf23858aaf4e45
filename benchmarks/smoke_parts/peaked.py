"""`anytime train`, and the most memory that torch gave out: `python -m smoke_parts.peaked FILE COMMAND...`."""

import sys
from pathlib import Path

import torch

from anytime_training.cli import app

if __name__ == "__main__":
    file = Path(sys.argv.pop(1))
    try:
        app()
    finally:
        file.write_text(str(torch.cuda.max_memory_allocated()))
