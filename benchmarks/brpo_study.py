"""Is BRPO better than GRPO at every budget? Runs every arm with every seed from one warm-up, and reports.

python benchmarks/brpo_study.py search --work DIR     each arm's learning rate, by short runs
python benchmarks/brpo_study.py run --work DIR        every arm and seed; goes on where it stopped
python benchmarks/brpo_study.py report --work DIR     tables, curves and JSON into benchmarks/results

Both go on where they stopped. `--arms` takes arms and groups of them: main, more, ablations.
"""

import argparse
import json
import sys
from pathlib import Path

from study_parts import search
from study_parts.arms import ARMS, GROUPS, chosen
from study_parts.problems import TASKS

HERE = Path(__file__).resolve()
WARM_UPS = {"selection": HERE.parent / "study-warm-up", "countdown": HERE.parent / "study-warm-up-countdown"}
STEPS = 100


def main() -> None:
    """Parse the command line and do one part of the study."""
    options = _parser().parse_args()
    if options.part == "one":
        from study_parts.training import Order, run

        run(Order(**options.order), options.warm_up, options.out)
    elif options.part == "report":
        from study_parts.report import report

        report(options.work, options.results, sys.argv[1:], options.note, options.earlier)
    else:
        from study_parts.schedule import Desk

        desk = Desk(options.task, options.warm_up or WARM_UPS[options.task], options.work, options.jobs)
        if options.part == "search":
            desk.search(chosen(options.arms), options.steps)
        else:
            desk.run(chosen(options.arms), options.seeds, options.steps, dict(options.rate))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    for name, steps in (("search", search.STEPS), ("run", STEPS)):
        part = parts.add_parser(name)
        part.add_argument("--task", choices=list(TASKS), default="selection")
        part.add_argument(
            "--warm-up",
            type=Path,
            help="folder of the model all arms start from; by default the task's, beside this file",
        )
        part.add_argument("--work", type=Path, required=True, help="folder for the runs")
        part.add_argument("--arms", nargs="+", choices=[*GROUPS, *ARMS], default=["main"])
        part.add_argument("--steps", type=int, default=steps)
        part.add_argument("--jobs", type=int, default=2, help="runs at a time, a thread each")
        if name == "run":
            part.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
            part.add_argument(
                "--rate", type=_rate, nargs="+", default=[], metavar="ARM=RATE", help="not the searched one"
            )
    one = parts.add_parser("one", help="one run; the other parts call it")
    one.add_argument("--warm-up", type=Path, required=True)
    one.add_argument("--order", type=json.loads, required=True, help="the fields of an `Order` as JSON")
    one.add_argument("--out", type=Path, required=True)
    report = parts.add_parser("report")
    report.add_argument("--work", type=Path, required=True)
    report.add_argument("--results", type=Path, default=HERE.parent / "results", help="folder for the report")
    report.add_argument("--with", dest="earlier", type=Path, help="JSON of an earlier report, whose runs count as well")
    report.add_argument("--note", default="", help="what a reader should know about the runs")
    return parser


def _rate(text: str) -> tuple[str, float]:
    arm, _, rate = text.partition("=")
    return arm, float(rate)


if __name__ == "__main__":
    main()
