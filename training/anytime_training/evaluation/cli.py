"""The `anytime eval` command. Heavy libraries are imported once the options are known to be right."""

import json
import re
import sys
from dataclasses import asdict
from importlib.util import find_spec
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated

import typer

from anytime_training.errors import EvaluationError, OutputError, TrainingError

if TYPE_CHECKING:
    from anytime_training.evaluation.curves import Curve
    from anytime_training.evaluation.questions import QuestionSet
    from anytime_training.evaluation.source import Settings, Source
    from anytime_training.problems import DataSource

MODEL_HELP = "Folder, Hub id, anytime-tiny, or URL of a running server; NAME= names the run. Repeat it to compare."
DATA_HELP = (
    "Problems in place of the families: a .jsonl, .json, .csv, .tsv or .parquet file (prompt and answer columns), "
    "reasoning_gym:NAME, or a recipe's data such as '{reasoning_gym: countdown, n: 200, config: {max_numbers: 4}}'."
)
FAMILIES_HELP = "Synthetic families, comma-separated (default: those that anytime-tiny knows)."
VERIFIER_HELP = "Of a file's answers: exact (default), math or module:function. reasoning_gym has scorers of its own."
INSTRUCTION_HELP = "Added to the end of every prompt of --data, as a recipe's `instruction` is in training."
ENGINE_HELP = "Of a local model: transformers, or vllm, which is far faster at budgets of thousands of tokens."
N_HELP = "Problems of each family, of reasoning_gym, or of the file. (default: 256; all of a file)"
GYM = "reasoning_gym:"
NAMED = re.compile(r"([^=/:]+)=(.+)")
DEFAULT_N = 256
ENGINES = ("transformers", "vllm")


def evaluate(
    model: Annotated[list[str], typer.Option(metavar="[NAME=]DIR|HUBID|URL", help=MODEL_HELP)],
    out: Annotated[Path, typer.Option(help="Folder for the CSV, PNG and JSON files.")] = Path("eval"),
    families: Annotated[
        str | None, typer.Option(help="Synthetic families, comma-separated (default: those of anytime-tiny).")
    ] = None,
    data: Annotated[str | None, typer.Option(help=DATA_HELP)] = None,
    verifier: Annotated[str | None, typer.Option(help=VERIFIER_HELP)] = None,
    instruction: Annotated[str, typer.Option(help=INSTRUCTION_HELP)] = "",
    budgets: Annotated[str, typer.Option(help="Thinking tokens, comma-separated.")] = "0,12,24,36,48,60,72,96,128,192",
    n: Annotated[int | None, typer.Option("-n", "--n", min=1, help=N_HELP)] = None,
    samples: Annotated[int, typer.Option(min=1, help="Rollouts of each problem.")] = 1,
    temperature: Annotated[float, typer.Option(min=0, max=2, help="0 is greedy.")] = 1.0,
    max_answer_tokens: Annotated[int, typer.Option(min=1, help="Cap of each short answer: none can think.")] = 16,
    seed: Annotated[int, typer.Option(help="Of the problems, and of local sampling.")] = 1,
    engine: Annotated[str, typer.Option(help=ENGINE_HELP)] = "transformers",
    concurrency: Annotated[int, typer.Option(min=1, help="Rollouts at a time on a server or in vLLM.")] = 32,
    threads: Annotated[int, typer.Option(min=1, help="CPU threads of a local model.")] = 1,
) -> None:
    """Measure accuracy at each budget; writes curves and lengths, prints a table, then one JSON line."""
    try:
        runs = _runs(model, engine, concurrency)
        settings = _settings(_lengths(budgets), samples, temperature, max_answer_tokens, seed)
        questions = _questions(families, data, verifier, instruction, n, seed)
        _make(out)
        _check_plots()
        _announce(runs, questions, settings)
        _check(runs, questions, settings)
        curves: list[Curve] = []
        devices = {name: source.device for name, source in runs.items()}
        line = ""
        for name, source in runs.items():
            _say(f"{name} thinks and answers")
            curves += _measure(name, source, questions, settings, threads)
            line = _write(curves, settings, devices, out)
    except TrainingError as error:
        typer.echo(f"error: {error}", err=True)
        raise typer.Exit(2) from None

    from anytime_training.evaluation import report

    typer.echo(report.table(curves))
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
    from anytime_training import noise

    noise.quieten(uses_vllm=False)
    prompts = [prompt for family in questions for prompt in family.prompts]
    for source in runs.values():
        source.check(prompts, settings)


def _measure(
    name: str, source: "Source", questions: "list[QuestionSet]", settings: "Settings", threads: int
) -> "list[Curve]":
    import torch

    from anytime_training.evaluation.curves import measure

    torch.set_num_threads(threads)
    return measure(name, source, questions, settings)


def _write(curves: "list[Curve]", settings: "Settings", devices: dict[str, str], out: Path) -> str:
    """Write the files, after every run, so that a later one's failure loses nothing; return the JSON line."""
    from anytime_training.evaluation import plot, report

    report.write_curves(curves, out / "curves.csv")
    report.write_lengths(curves, out / "lengths.csv")
    plot.draw_curves(curves, out / "curves.png")
    plot.draw_lengths(curves, out / "lengths.png")
    line = report.summary(curves, sys.argv, asdict(settings), devices)
    (out / "summary.json").write_text(json.dumps(json.loads(line), indent=2) + "\n")
    return line


def _runs(models: list[str], engine: str, concurrency: int) -> "dict[str, Source]":
    if engine not in ENGINES:
        raise EvaluationError(f"--engine {engine}: unknown; known: {', '.join(ENGINES)}")
    runs: dict[str, Source] = {}
    for text in models:
        named = NAMED.fullmatch(text)
        place = named[2] if named else text
        name = named[1] if named else _name(place)
        if name in runs:
            raise EvaluationError(f"two runs are called {name!r}; name them with --model NAME={place}")
        runs[name] = _source(place, engine, concurrency)
    return runs


def _source(place: str, engine: str, concurrency: int) -> "Source":
    from anytime_server.engines.choice import EMBEDDED, EMBEDDED_PATH
    from anytime_training.evaluation.engine import EngineSource
    from anytime_training.evaluation.local import LocalSource
    from anytime_training.evaluation.server import ServerSource

    if place.startswith(("http://", "https://")):
        return ServerSource(place.rstrip("/"), concurrency)
    place = str(EMBEDDED_PATH) if place == EMBEDDED else place
    folder = Path(place)
    if folder.is_dir() and not (folder / "config.json").is_file():
        raise EvaluationError(f"--model {place} holds no model (no config.json)")
    if not folder.is_dir() and not re.fullmatch(r"[\w-][\w.-]*(/[\w.-]+)?", place):
        raise EvaluationError(f"--model {place}: there is no such folder, and it is no Hub id and no http:// URL")
    return LocalSource(place) if engine == "transformers" else EngineSource(place, engine, concurrency)


def _name(place: str) -> str:
    if place.startswith(("http://", "https://")):
        return place.split("://", 1)[1].rstrip("/")
    folder = Path(place)
    return folder.resolve().name if folder.is_dir() else folder.name


def _questions(
    families: str | None, data: str | None, verifier: str | None, instruction: str, n: int | None, seed: int
) -> "list[QuestionSet]":
    from anytime_training.evaluation.questions import from_file, from_source, synthetic
    from anytime_training.problems.tasks import FAMILIES, TAUGHT

    if data is not None:
        if families is not None:
            raise EvaluationError("give either --families or --data, and not both")
        if not data.startswith(("{", GYM)):
            _say(f"loading {data}")
            return [from_file(Path(data), verifier or "exact", n, seed, instruction)]
        source = _source_of(data, n, seed)
        if source.reasoning_gym is not None and verifier is not None:
            raise EvaluationError("--verifier: reasoning_gym judges its problems by its own scorers; leave it out")
        _say(f"loading {source}")
        return [from_source(source, verifier or "exact", n, seed, instruction)]
    if instruction:
        raise EvaluationError("--instruction goes with --data: the families' models are trained without one")
    names = [family.name for family in TAUGHT] if families is None else [name.strip() for name in families.split(",")]
    if unknown := [name for name in names if name not in FAMILIES]:
        raise EvaluationError(f"--families {', '.join(unknown)}: unknown; known: {', '.join(FAMILIES)}")
    return [synthetic(name, n or DEFAULT_N, seed) for name in dict.fromkeys(names)]


def _source_of(text: str, n: int | None, seed: int) -> "DataSource":
    """The source that is named, or written as in a recipe.

    Problems that are drawn are others than those of a training run, unless the source has a seed of its own:
    reasoning_gym's problem i of the seed s is its problem i - 1 of the seed s + 1.
    """
    import yaml
    from pydantic import ValidationError

    from anytime_training.problems import DataSource

    try:
        values = {"reasoning_gym": text.removeprefix(GYM)} if text.startswith(GYM) else yaml.safe_load(text)
        if "reasoning_gym" in values or "families" in values:
            values = {"n": n or DEFAULT_N, "seed": Random(f"evaluation/{seed}").randrange(2**31)} | values
        return DataSource.model_validate(values)
    except yaml.YAMLError as error:
        raise EvaluationError(f"--data {text!r} is not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        issue = error.errors()[0]
        key = "".join(f".{part}" for part in issue["loc"])
        raise EvaluationError(f"--data{key}: {issue['msg'].removeprefix('Value error, ')}") from None


def _settings(
    budgets: tuple[int, ...], samples: int, temperature: float, max_answer_tokens: int, seed: int
) -> "Settings":
    from anytime_training.evaluation.source import Settings

    if samples > 1 and temperature == 0:
        raise EvaluationError(f"--samples {samples} at temperature 0 are all the same; raise --temperature")
    return Settings(budgets, samples, temperature, max_answer_tokens, seed)


def _lengths(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise EvaluationError(f"--budgets {text!r} must be numbers of tokens separated by commas, such as 0,24,48")
    budgets = tuple(int(part) for part in parts)
    if any(later <= earlier for earlier, later in pairwise(budgets)):
        raise EvaluationError(f"--budgets {text!r} must increase")
    return budgets


def _make(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".write-probe"
        probe.touch()
        probe.unlink()
    except OSError as error:
        raise OutputError(f"--out {out} can't be written: {error.strerror}; give another folder") from None
