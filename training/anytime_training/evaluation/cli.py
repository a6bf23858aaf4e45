"""The `anytime eval` command. Heavy libraries are imported once the options are known to be right."""

import json
import sys
import time
from dataclasses import asdict
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from anytime_training.errors import TrainingError
from anytime_training.evaluation.options import Asked, questions_of, runs_of, settings_of
from anytime_training.outputs import make_folder

if TYPE_CHECKING:
    from anytime_training.evaluation.measured import Measured
    from anytime_training.evaluation.questions import QuestionSet
    from anytime_training.evaluation.source import Settings, Source

MODEL_HELP = "Folder, Hub id, anytime-tiny, or URL of a running server; NAME= names the run. Repeat it to compare."
DATA_HELP = (
    "Problems in place of the families: a .jsonl, .json, .csv, .tsv or .parquet file (prompt and answer columns), "
    "reasoning_gym:NAME, or a recipe's data such as '{reasoning_gym: countdown, n: 200, config: {max_numbers: 4}}'."
)
DATASET_HELP = "A data set of the Hub, such as openai/gsm8k; with --data, the file is read as if it were that one."
SPLIT_HELP = "Of --dataset. (default: the one that is meant for evaluation)"
FAMILIES_HELP = "Synthetic families, comma-separated (default: those that anytime-tiny knows)."
VERIFIER_HELP = (
    "Of a file's answers: exact (default; math for a known --dataset), math or module:function. reasoning_gym has "
    "scorers of its own."
)
INSTRUCTION_HELP = "Added to the end of every prompt of --data, as a recipe's `instruction` is in training."
ENGINE_HELP = "Of a local model: transformers, or vllm, which is far faster at budgets of thousands of tokens."
ENGINE_ARG_HELP = "vLLM's own option, e.g. tensor_parallel_size=2 (JSON values); can be repeated."
TRUNKS_HELP = "Thoughts of a rollout, which vote; --budgets are those of each. Above 1 for the URL of a server only."
N_HELP = "Problems of each family, of reasoning_gym, or of the file. (default: 256; all of a file)"
ANSWER_HELP = "Cap of each short answer: none can think. (default: 16; 128, as a server's, with --data or --dataset)"
OWN_ANSWER_TOKENS = 16
"""Enough for an answer of the families' models."""
ANSWER_TOKENS = 128
"""A server's own cap, and that of the recipes."""
FULL_HELP = "Cap of the full answers after a cut, of which the share that goes on thinking is told. 0 asks for none."


def evaluate(
    model: Annotated[list[str], typer.Option(metavar="[NAME=]DIR|HUBID|URL", help=MODEL_HELP)],
    out: Annotated[Path, typer.Option(help="Folder for the CSV, PNG and JSON files.")] = Path("eval"),
    families: Annotated[str | None, typer.Option(help=FAMILIES_HELP)] = None,
    data: Annotated[str | None, typer.Option(help=DATA_HELP)] = None,
    dataset: Annotated[str | None, typer.Option(metavar="HUBID", help=DATASET_HELP)] = None,
    split: Annotated[str | None, typer.Option(help=SPLIT_HELP)] = None,
    verifier: Annotated[str | None, typer.Option(help=VERIFIER_HELP)] = None,
    instruction: Annotated[str, typer.Option(help=INSTRUCTION_HELP)] = "",
    budgets: Annotated[str, typer.Option(help="Thinking tokens, comma-separated.")] = "0,12,24,36,48,60,72,96,128,192",
    n: Annotated[int | None, typer.Option("-n", "--n", min=1, help=N_HELP)] = None,
    samples: Annotated[int, typer.Option(min=1, help="Rollouts of each problem.")] = 1,
    trunks: Annotated[int, typer.Option(min=1, help=TRUNKS_HELP)] = 1,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="0 is greedy.")] = 1.0,
    max_answer_tokens: Annotated[int | None, typer.Option(min=1, help=ANSWER_HELP)] = None,
    full_answer_tokens: Annotated[int, typer.Option(min=0, help=FULL_HELP)] = 256,
    seed: Annotated[int, typer.Option(help="Of the problems, and of local sampling.")] = 1,
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "transformers",
    engine_arg: Annotated[list[str] | None, typer.Option(metavar="KEY=VALUE", help=ENGINE_ARG_HELP)] = None,
    concurrency: Annotated[int, typer.Option(min=1, help="Rollouts at a time on a server or in vLLM.")] = 32,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of a local model.")] = 1,
    as_json: Annotated[bool, typer.Option("--json", help="Print the JSON line alone.")] = False,
) -> None:
    """Measure accuracy at each budget, and what stopping early saves; writes files, prints tables and one JSON line."""
    try:
        runs = runs_of(model, engine, engine_arg or [], concurrency)
        most = max_answer_tokens or (OWN_ANSWER_TOKENS if data is None and dataset is None else ANSWER_TOKENS)
        settings = settings_of(budgets, samples, temperature, most, full_answer_tokens, seed, trunks)
        asked = Asked(
            families=families,
            data=data,
            dataset=dataset,
            split=split,
            verifier=verifier,
            instruction=instruction,
            n=n,
            seed=seed,
        )
        questions = questions_of(asked, _say)
        make_folder(out)
        _check_plots()
        _announce(runs, questions, settings)
        _check(runs, questions, settings)
        measured: list[Measured] = []
        devices = {name: source.device for name, source in runs.items()}
        line = ""
        for name, source in runs.items():
            measured.append(_measure(name, source, questions, settings, threads))
            line = _write(measured, settings, devices, out)
    except TrainingError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None

    from anytime_training.evaluation import report

    if not as_json:
        typer.echo("\n\n".join(report.tables(one) for one in measured) + "\n")
    typer.echo(line)


def _announce(runs: "dict[str, Source]", questions: "list[QuestionSet]", settings: "Settings") -> None:
    """Say what is about to happen, before the libraries for it are imported, which takes a while."""
    problems = sum(len(family.prompts) for family in questions)
    families = ", ".join(family.family for family in questions)
    _say(
        f"{', '.join(runs)}: {problems} problems ({families}) x {settings.samples}, "
        f"{len(settings.budgets)} budgets up to {settings.budgets[-1]} thinking tokens"
    )


def _say(text: str) -> None:
    """Tell how it goes, beside the results."""
    typer.echo(text, err=True)


def _check_plots() -> None:
    """Find out now whether the plots can be drawn in the end."""
    if find_spec("matplotlib") is None:
        raise ModuleNotFoundError("No module named 'matplotlib'", name="matplotlib")


def _check(runs: "dict[str, Source]", questions: "list[QuestionSet]", settings: "Settings") -> None:
    """Check every run before the first one is rolled out."""
    _say("loading the libraries, and checking that the budgets fit")
    from anytime_training import noise

    noise.quieten(uses_vllm=False)
    prompts = [prompt for family in questions for prompt in family.prompts]
    for source in runs.values():
        source.check(prompts, settings)


def _measure(
    name: str, source: "Source", questions: "list[QuestionSet]", settings: "Settings", threads: int
) -> "Measured":
    from anytime_training.evaluation.progress import Progress, telling

    total = settings.samples * sum(len(family.prompts) for family in questions)
    with telling(Progress(name, total), _say, time.monotonic) as progress:
        import torch

        from anytime_training.evaluation.measured import measure_run

        torch.set_num_threads(threads)
        return measure_run(name, source, questions, settings, progress)


def _write(measured: "list[Measured]", settings: "Settings", devices: dict[str, str], out: Path) -> str:
    """Write the files, after every run, so that a later one's failure loses nothing; return the JSON line."""
    from anytime_training.evaluation import answers, plot, report

    curves = [curve for one in measured for curve in one.curves]
    report.write_curves(curves, out / "curves.csv")
    report.write_lengths(curves, out / "lengths.csv")
    answers.write_answers([one.answers for one in measured], out / answers.NAME)
    plot.draw_curves(curves, out / "curves.png")
    plot.draw_lengths(curves, out / "lengths.png")
    line = report.summary(measured, sys.argv, asdict(settings), devices)
    (out / "summary.json").write_text(json.dumps(json.loads(line), indent=2) + "\n")
    return line
