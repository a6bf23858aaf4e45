"""The load benchmark: right answers in time at and above the capacity, deadlines kept, clients that share fairly.

    python benchmarks/load.py --out benchmarks/results/load-cpu.json
    python benchmarks/load.py --quick
    python benchmarks/load.py --curve curves/summary.json --parts open-loop

Prints a table and, as its last line, everything as one line of JSON. benchmarks/README.md says what each part measures.
"""

import argparse
import asyncio
import os
import sys
import time
from dataclasses import asdict
from pathlib import Path

from harness.environment import environment
from harness.measure import BenchmarkError
from harness.report import Row, json_line, publish, table
from load_parts.sizes import FULL, QUICK, Sizes

PARTS = ("open-loop", "deadlines", "fair-share")
QUIET_LOAD = 0.5


def main() -> None:
    """Measure, print, write."""
    arguments = parse(sys.argv[1:])
    os.environ.setdefault("TRANSFORMERS_VERBOSITY", "error")
    where = environment("benchmarks/load.py", sys.argv[1:])
    sizes, start = QUICK if arguments.quick else FULL, time.perf_counter()
    try:
        rows = asyncio.run(measure(arguments, sizes))
    except (BenchmarkError, ValueError) as error:
        sys.exit(f"benchmarks/load.py: {error}")
    settings = {**asdict(sizes), "model": arguments.model, "engine": arguments.engine}
    settings["seconds_in_all"] = round(time.perf_counter() - start, 1)
    notes = notes_on(arguments, where.load_1m)
    line = json_line("load", where, settings, rows, notes)
    publish("\n".join([table(rows), *(f"note: {note}" for note in notes)]), line, arguments.out)


async def measure(arguments: argparse.Namespace, sizes: Sizes) -> list[Row]:
    """Start the engine once and return the rows of the parts that were asked for."""
    from anytime_server.load_options import accuracy_curve
    from anytime_server.serving import parse_options
    from load_parts import deadlines, open_loop, sharing, subject

    curve = accuracy_curve(arguments.curve)
    rows: list[Row] = []
    async with subject.started(arguments.engine, arguments.model, parse_options(arguments.engine_arg)) as engine:
        for part in arguments.parts:
            print(f"... {part}", file=sys.stderr, flush=True)
            if part == "open-loop":
                rows += await open_loop.measure(engine, sizes, curve)
            elif part == "deadlines":
                rows += await deadlines.measure(engine, sizes)
            else:
                rows += await sharing.measure(engine, sizes)
    return rows


def notes_on(arguments: argparse.Namespace, load_1m: float) -> list[str]:
    """Return what a reader must know about this run."""
    notes = ["the best single budget is the best of those measured, found by hindsight for each load"]
    if arguments.quick:
        notes.append("--quick: too short to judge a bar by; it only shows that everything runs")
    if load_1m > QUIET_LOAD:
        notes.append(f"the machine was not quiet: load average {load_1m} before the start")
    return notes


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", default="transformers", help="as in anytime serve")
    parser.add_argument("--engine-arg", action="append", default=[], metavar="KEY=VALUE", help="as in anytime serve")
    parser.add_argument("--model", default="anytime-tiny", help="the questions are those of the embedded model")
    parser.add_argument("--curve", help="summary.json of anytime eval: adds an arm whose tokens go by it")
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    parser.add_argument("--quick", action="store_true", help="two minutes, to see that it works")
    parser.add_argument("--out", type=Path, help="write the JSON line here and the table beside it as .txt")
    return parser.parse_args(argv)


if __name__ == "__main__":
    main()
