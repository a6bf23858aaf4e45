"""The answers of an evaluation as a file, from which `anytime calibrate` makes a calibration.

`answers.jsonl` has a line for each run with the conditions that it ran under, and then one for each of its rollouts.
"""

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from anytime_server.controller import Conditions, InterimVerdict
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.courses import Course

NAME = "answers.jsonl"


@dataclass(frozen=True, slots=True)
class Answers:
    """The rollouts of one run, how they were made, and on which data."""

    run: str
    conditions: Conditions
    data: str
    courses: tuple[Course, ...]


def write_answers(runs: Iterable[Answers], path: Path) -> None:
    """Write the answers of all runs."""
    with path.open("w", encoding="utf-8") as file:
        for run in runs:
            head = {"run": run.run, "data": run.data, "conditions": asdict(run.conditions)}
            file.write(json.dumps(head) + "\n")
            file.writelines(json.dumps(asdict(course)) + "\n" for course in run.courses)


def read_answers(path: Path) -> dict[str, Answers]:
    """Read the answers in a file, or in the folder of an evaluation, by run.

    Raises:
        EvaluationError: if there is none, or it is no such file.
    """
    file = path / NAME if path.is_dir() else path
    if not file.is_file():
        raise EvaluationError(f"there is no {file}: give the --out folder of anytime eval")
    runs: list[tuple[Mapping[str, Any], list[Course]]] = []
    try:
        for line in file.read_text(encoding="utf-8").splitlines():
            row = json.loads(line)
            if "conditions" in row:
                runs.append((row, []))
            else:
                runs[-1][1].append(_course(row))
        return {head["run"]: _answers(head, courses) for head, courses in runs}
    except (ValueError, KeyError, TypeError, IndexError):
        raise EvaluationError(f"{file} holds no answers of anytime eval; evaluate again") from None


def _answers(head: Mapping[str, Any], courses: list[Course]) -> Answers:
    return Answers(head["run"], Conditions(**head["conditions"]), head["data"], tuple(courses))


def _course(row: Mapping[str, Any]) -> Course:
    verdicts = tuple(InterimVerdict(**verdict) for verdict in row["verdicts"])
    return Course(**{**row, "verdicts": verdicts, "right": tuple(row["right"])})
