"""The training benchmark: what packing saves, and what a BRPO step costs beside one of TRL's GRPO.

    python benchmarks/training.py --out benchmarks/results/training-cpu.json

Prints a table and, as its last line, everything as one line of JSON. benchmarks/README.md says what each part measures.
"""

import argparse
import json
import subprocess
import sys
import tempfile
from pathlib import Path

import anytime_server
from harness.environment import environment
from harness.measure import Series
from harness.random_model import save_random_model
from harness.report import Row, json_line, publish, table
from training_parts import packing, steps
from training_parts.rollouts import PAPER, TINY

PARTS = ("packing", "split", "step")
EMBEDDED = Path(anytime_server.__file__).parent / "models" / "anytime-tiny"


def main() -> None:
    """Measure, print, write."""
    options = _parser().parse_args()
    import torch

    torch.set_num_threads(options.threads)
    if options.memory:
        steps.peak_memory(options.memory, options.model, PAPER)
        return
    where = environment("benchmarks/training.py", sys.argv[1:])
    with tempfile.TemporaryDirectory() as folder:
        random = save_random_model(Path(folder), context=4096)
        measured = {
            "packing": lambda: [
                *packing.measure(EMBEDDED, TINY, rollouts=32, rounds=options.rounds),
                *packing.measure(random, PAPER, rollouts=2, rounds=options.rounds),
            ],
            "split": lambda: steps.split(EMBEDDED, TINY, options.rounds),
            "step": lambda: [*steps.against_grpo(random, PAPER, options.rounds), _memory(random, options.threads)],
        }
        rows = [row for part in options.parts for row in measured[part]()]
    line = json_line("training", where, {"threads": options.threads, "rounds": options.rounds}, rows, [])
    publish(table(rows), line, options.out)


def _memory(model: Path, threads: int) -> Row:
    """Peak memory of a step, each side in a process of its own."""
    peaks = {}
    for side in ("BRPO", "GRPO"):
        command = [sys.executable, __file__, "--memory", side, "--model", str(model), "--threads", str(threads)]
        output = subprocess.run(command, capture_output=True, text=True, check=True).stdout
        peaks[side] = json.loads(output.strip().splitlines()[-1])["peak_mib"]
    ratio = Series((peaks["BRPO"] / peaks["GRPO"],))
    return Row(f"step, {PAPER.name}", "peak memory, BRPO / TRL's GRPO", ratio, "x", bar=1.2, better="lower")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3, help="measured rounds, after one that warms up")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="which parts to measure")
    parser.add_argument("--threads", type=int, default=1, help="torch threads")
    parser.add_argument("--out", type=Path, help="JSON file; the table goes beside it as .txt")
    parser.add_argument("--memory", choices=("BRPO", "GRPO"), help=argparse.SUPPRESS)
    parser.add_argument("--model", type=Path, help=argparse.SUPPRESS)
    return parser


if __name__ == "__main__":
    main()
