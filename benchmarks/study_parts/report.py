"""The study's runs as text, curves, and JSON."""

import json
from collections.abc import Sequence
from pathlib import Path

from harness.environment import environment
from study_parts import ceilings, plots, tables
from study_parts.arms import WARM_UP
from study_parts.measuring import COOL, TRAINED_AT
from study_parts.problems import TASKS, TEST_SEED, StudyTask, fresh
from study_parts.runs import Results, Run, right_at
from study_parts.tables import Runs
from study_parts.verdicts import verdicts


def report(work: Path, results: Path, arguments: Sequence[str], note: str = "", earlier: Path | None = None) -> None:
    """Write brpo-study.txt, .json and .png into `results`, and print the text; it begins with `note`.

    Runs of the `earlier` JSON that `work` does not hold count as well. The files of another task than `selection` have
    its name in theirs.
    """
    found = Results.read(work, earlier)
    if WARM_UP not in found.by_arm:
        raise SystemExit(f"{work} holds no measured warm-up; run the part `run` first")
    task = TASKS[found.by_arm[WARM_UP][0]["task"]]
    name = "brpo-study" if task.name == "selection" else f"brpo-study-{task.name}"
    reachable = _ceilings(found.by_arm[WARM_UP][0], task)
    text = "\n\n".join([*([note] if note else []), *_parts(found, task, reachable)])
    results.mkdir(parents=True, exist_ok=True)
    plots.curves(found.by_arm, task, reachable, results / f"{name}.png")
    (results / f"{name}.txt").write_text(text + "\n")
    document = {
        "benchmark": name.replace("-", "_"),
        "environment": environment("benchmarks/brpo_study.py", arguments).as_dict(),
        "note": note,
        "train_cpu_hours": round(sum(run["train_cpu_seconds"] for run in found.runs) / 3600, 2),
        "learning_rates": found.learning_rates,
        "ceilings": reachable,
    }
    everything = {**document, "search": found.search, "runs": found.runs}
    (results / f"{name}.json").write_text(json.dumps(everything) + "\n")
    print(text)
    print(json.dumps(document))


def _parts(found: Results, task: StudyTask, reachable: dict[str, dict[int, float]]) -> list[str]:
    runs: Runs = found.by_arm
    parts = [verdicts(runs, task), tables.accuracy(runs, task, TRAINED_AT), tables.gaps(runs, task, TRAINED_AT)]
    parts += [tables.seeds(runs, task)]
    parts += [tables.ceilings(reachable, task), tables.shares(runs, reachable, task)] if reachable else []
    parts += [tables.order(runs), tables.answers(runs, task), tables.cost(runs)]
    parts += [tables.search(found.search, found.learning_rates)] if found.search else []
    parts += [tables.accuracy(runs, task, COOL), tables.gaps(runs, task, COOL), tables.families(runs, task)]
    parts += [tables.variances(runs, task)] if "brpo-linear" in runs else []
    return [*parts, tables.samples(runs)]


def _ceilings(warm_up: Run, task: StudyTask) -> dict[str, dict[int, float]]:
    """Those of the problems that the warm-up was tested on."""
    from anytime_training.embedded.tokenizer import build_tokenizer

    tokenizer = build_tokenizer()
    guessed = right_at(warm_up, TRAINED_AT, 0)
    problems = {family: fresh(task, family, TEST_SEED, len(guesses)) for family, guesses in guessed.items()}
    return ceilings.ceilings(problems, guessed, task.measured_at, lambda text: len(tokenizer.encode(text)))
