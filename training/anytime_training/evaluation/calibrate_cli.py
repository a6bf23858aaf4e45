"""The `anytime calibrate` command."""

import json
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anytime_training.errors import EvaluationError, OutputError, TrainingError

if TYPE_CHECKING:
    from anytime_server.controller import Calibration
    from anytime_training.evaluation.answers import Answers
    from anytime_training.evaluation.calibrating import Splits

FOLDER_HELP = "The --out folder of anytime eval, or the answers.jsonl in it."
RUN_HELP = "The run to calibrate, if the evaluation has several."
DELTA_HELP = "The chance that the evaluation's problems are kinder than those to come, so that a rate fails to hold."
SPLITS_HELP = "Random halves of the problems: calibrated on one, tried on the other. 0 skips that."
RATES_HELP = "Error rates to try, comma-separated."


def calibrate(
    evaluation: Annotated[Path, typer.Argument(help=FOLDER_HELP)],
    out: Annotated[Path, typer.Option(help="The file to write, for anytime serve --calibration.")] = Path(
        "calibration.json"
    ),
    run: Annotated[str | None, typer.Option(help=RUN_HELP)] = None,
    delta: Annotated[float, typer.Option(min=1e-6, max=0.5, help=DELTA_HELP)] = 0.05,
    splits: Annotated[int, typer.Option(min=0, help=SPLITS_HELP)] = 200,
    rates: Annotated[str, typer.Option(help=RATES_HELP)] = "0.01,0.02,0.05,0.1",
    seed: Annotated[int, typer.Option(help="Of all draws.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON document and no table.")] = False,
) -> None:
    """Turn an evaluation into a file with which a server stops thinking as early as an error rate allows.

    Then `anytime serve --calibration FILE` takes `stop_when: {"risk": 0.05}` and `{"give_up": 0.05}`.
    """
    from anytime_training.evaluation import calibrating
    from anytime_training.evaluation.answers import read_answers

    try:
        asked = _rates(rates)
        answers = _chosen(read_answers(evaluation), run)
        tracks = calibrating.tracks_of(answers.courses)
        calibration = calibrating.calibrate(tracks, answers.conditions, answers.data, delta, seed)
        _write(calibration, out)
        typer.echo(
            f"{answers.run}: {calibration.problems} problems of {answers.data}, rates from {calibration.lowest_rate} "
            f"on; written to {out}",
            err=True,
        )
        tried: list[Splits] = []
        if splits:
            typer.echo(f"trying {splits} random halves", err=True)
            tried = calibrating.try_splits(tracks, answers.conditions, asked, splits, delta, seed)
    except TrainingError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None
    if as_json:
        typer.echo(json.dumps(_document(answers, len(tracks), delta, splits, tried)))
    elif tried:
        typer.echo(_table(tried))


def _rates(text: str) -> list[float]:
    try:
        rates = [float(part) for part in text.split(",")]
    except ValueError:
        rates = []
    if not rates or not all(0 < rate < 1 for rate in rates):
        raise EvaluationError(f"--rates {text!r} must be shares between 0 and 1, such as 0.02,0.05")
    return rates


def _chosen(runs: "dict[str, Answers]", run: str | None) -> "Answers":
    names = ", ".join(runs)
    if run is None:
        if len(runs) != 1:
            raise EvaluationError(f"the evaluation has several runs; choose one with --run: {names}")
        return next(iter(runs.values()))
    if run not in runs:
        raise EvaluationError(f"--run {run}: there is none of that name; there are {names}")
    return runs[run]


def _write(calibration: "Calibration", out: Path) -> None:
    from anytime_server.calibration_file import write_calibration

    try:
        write_calibration(calibration, out)
    except OSError as error:
        raise OutputError(f"--out {out} can't be written: {error.strerror}; give another file") from None


def _table(tried: "list[Splits]") -> str:
    from anytime_training.evaluation.tables import table

    head = ("rule", "kept in", "made wrong", "made right", "saved", "of budget")
    return table(head, [_row(one) for one in tried])


def _row(one: "Splits") -> tuple[str, ...]:
    rule = f"{one.side}:{one.rate:g}"
    if one.kept is None:
        return (rule, "too few problems", "", "", "", "")
    return (
        rule,
        *(f"{100 * share:.1f} %" for share in (one.kept, one.wrong, one.gained, one.saved, one.saved_of_budget)),
    )


def _document(answers: "Answers", problems: int, delta: float, splits: int, tried: "list[Splits]") -> dict[str, object]:
    from dataclasses import asdict

    return {
        "run": answers.run,
        "data": answers.data,
        "problems": problems,
        "delta": delta,
        "splits": splits,
        "tried": [asdict(one) for one in tried],
    }
