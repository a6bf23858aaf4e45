"""Is BRPO better than GRPO at every budget? Runs every arm with every seed from one warm-up, and reports.

python benchmarks/brpo_study.py search --work DIR      a short run of each learning rate
python benchmarks/brpo_study.py run --work DIR         every arm and seed; goes on where it stopped
python benchmarks/brpo_study.py report --work DIR      table, curves and JSON into benchmarks/results
"""

import argparse
import json
import os
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from study_parts.arms import ARMS, LEARNING_RATES, WARM_UP

HERE = Path(__file__).resolve()
WARM_UP_MODEL = HERE.parent / "warm-up"
QUIET = {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "TRL_EXPERIMENTAL_SILENCE": "1"}


def main() -> None:
    """Parse the command line and do one part of the study."""
    options = _parser().parse_args()
    if options.part == "one":
        from study_parts.training import run

        run(
            options.warm_up,
            options.arm,
            options.seed,
            options.learning_rate,
            options.steps,
            options.out,
            options.search,
        )
    elif options.part == "search":
        arms = sorted({arm.search for arm in ARMS.values()})
        _all(options, [(name, 0, rate, f"search-{name}-{rate:g}") for name in arms for rate in LEARNING_RATES])
    elif options.part == "run":
        from study_parts.runs import best_learning_rates

        rates = best_learning_rates(options.work)
        jobs = [(arm, seed) for arm in options.arms for seed in options.seeds]
        runs = [(arm, seed, rates[ARMS[arm].search], f"{arm}-{seed}") for arm, seed in jobs]
        _all(options, [(WARM_UP, 0, 0.0, WARM_UP), *runs])
    else:
        from study_parts.report import report

        report(options.work, HERE.parent / "results", sys.argv[1:], options.note, options.earlier)


def _all(options: argparse.Namespace, runs: list[tuple[str, int, float, str]]) -> None:
    """Run what has no result yet, `--jobs` processes at a time."""
    missing = [run for run in runs if not _done(options, run)]
    with ThreadPoolExecutor(options.jobs) as pool:
        for failed in pool.map(lambda run: _one(options, *run), missing):
            if failed:
                raise SystemExit(f"{failed} failed; its log is beside its results")


def _done(options: argparse.Namespace, run: tuple[str, int, float, str]) -> bool:
    """Whether a run has its result; one with other settings under its name is an error."""
    path = options.work / run[3] / "run.json"
    if not path.exists():
        return False
    found = json.loads(path.read_text())
    if run[0] != WARM_UP and (found["steps"], found["learning_rate"]) != (options.steps, run[2]):
        raise SystemExit(f"{path} is of another number of steps or learning rate; give another --work")
    return True


def _one(options: argparse.Namespace, arm: str, seed: int, learning_rate: float, name: str) -> str | None:
    out = options.work / name
    out.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, str(HERE), "one", "--warm-up", str(options.warm_up), "--out", str(out), "--arm", arm]
    command += ["--search"] if options.part == "search" else []
    command += ["--seed", str(seed), "--learning-rate", str(learning_rate), "--steps", str(options.steps)]
    with (out / "log.txt").open("w") as log:
        code = subprocess.run(command, stdout=log, stderr=log, env={**os.environ, **QUIET}).returncode
    print(f"{name}: {'failed' if code else 'done'}", flush=True)
    return name if code else None


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parts = parser.add_subparsers(dest="part", required=True)
    for name, steps in (("search", 30), ("run", 50)):
        part = parts.add_parser(name)
        part.add_argument("--warm-up", type=Path, default=WARM_UP_MODEL, help="folder of the model all arms start from")
        part.add_argument("--work", type=Path, required=True, help="folder for the runs")
        part.add_argument("--steps", type=int, default=steps)
        part.add_argument("--jobs", type=int, default=2, help="runs at a time, a thread each")
        if name == "run":
            part.add_argument("--seeds", type=int, nargs="+", default=[0, 1, 2])
            part.add_argument("--arms", nargs="+", choices=list(ARMS), default=list(ARMS))
    one = parts.add_parser("one", help="one run; the other parts call it")
    one.add_argument("--warm-up", type=Path, required=True)
    one.add_argument("--arm", choices=[WARM_UP, *ARMS], required=True)
    one.add_argument("--seed", type=int, required=True)
    one.add_argument("--learning-rate", type=float, required=True)
    one.add_argument("--steps", type=int, required=True)
    one.add_argument("--out", type=Path, required=True)
    one.add_argument("--search", action="store_true", help="measure less")
    report = parts.add_parser("report")
    report.add_argument("--work", type=Path, required=True)
    report.add_argument("--with", dest="earlier", type=Path, help="JSON of an earlier report, whose runs count as well")
    report.add_argument("--note", default="", help="what a reader should know about the runs")
    return parser


if __name__ == "__main__":
    main()
