"""The loop breaker's benchmark: how late cycles are closed, what is closed that is none, and what it costs.

    python benchmarks/loops.py --out benchmarks/results/loops-cpu.json

Prints a table and, as its last line, everything as one line of JSON. It needs the training extra, whose problems the
embedded model thinks about. benchmarks/README.md says what each part measures.
"""

import argparse
import asyncio
import sys
from pathlib import Path

from harness.environment import environment
from harness.report import Row, json_line, publish, table
from loops_parts import cycles, texts, thoughts

PARTS = ("cycles", "texts", "thoughts")


def main() -> None:
    """Measure, print, write."""
    options = _parser().parse_args()
    where = environment("benchmarks/loops.py", sys.argv[1:])
    rows: list[Row] = []
    notes: list[str] = []
    if "cycles" in options.parts:
        rows += cycles.measure(options.tries, options.seed)
    if "texts" in options.parts:
        found, closed = texts.measure()
        rows, notes = [*rows, *found], [*notes, *closed]
    if "thoughts" in options.parts:
        found, closed = asyncio.run(thoughts.measure(options.thoughts, options.seed))
        rows, notes = [*rows, *found], [*notes, *closed]
    settings = {"thoughts": options.thoughts, "tries": options.tries, "seed": options.seed}
    publish("\n".join([table(rows), *notes]), json_line("loops", where, settings, rows, notes), options.out)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--thoughts", type=int, default=10_000, help="of the embedded model")
    parser.add_argument("--tries", type=int, default=10, help="cycles of each period, over each vocabulary")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=PARTS, help="which parts to measure")
    parser.add_argument("--out", type=Path, help="JSON file; the table goes beside it as .txt")
    return parser


if __name__ == "__main__":
    main()
