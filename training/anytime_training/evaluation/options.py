"""What `anytime eval` is told, made definite: its runs, its problems and how they are rolled out."""

import re
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from anytime_training.errors import EvaluationError

if TYPE_CHECKING:
    from collections.abc import Callable

    from anytime_training.evaluation.questions import QuestionSet
    from anytime_training.evaluation.source import Settings, Source
    from anytime_training.problems import DataSource

GYM = "reasoning_gym:"
NAMED = re.compile(r"([^=/:]+)=(.+)")
DEFAULT_N = 256
ENGINES = ("transformers", "vllm")


@dataclass(frozen=True, slots=True, kw_only=True)
class Asked:
    """The options that say which problems are asked; see `anytime eval --help`."""

    families: str | None = None
    data: str | None = None
    dataset: str | None = None
    split: str | None = None
    verifier: str | None = None
    instruction: str = ""
    n: int | None = None
    seed: int = 1


def runs_of(models: list[str], engine: str, engine_args: list[str], concurrency: int) -> "dict[str, Source]":
    """Return what answers, by the names of the runs.

    Raises:
        EvaluationError: if there is no such engine or model, the engine takes no such options, or two runs have one
            name.
    """
    if engine not in ENGINES:
        raise EvaluationError(f"--engine {engine}: unknown; known: {', '.join(ENGINES)}")
    options = _engine_options(engine, engine_args)
    runs: dict[str, Source] = {}
    for text in models:
        named = NAMED.fullmatch(text)
        place = named[2] if named else text
        name = named[1] if named else _name(place)
        if name in runs:
            raise EvaluationError(f"two runs are called {name!r}; name them with --model NAME={place}")
        runs[name] = _source(place, engine, options, concurrency)
    return runs


def _engine_options(engine: str, pairs: list[str]) -> dict[str, Any]:
    if not pairs:
        return {}
    if engine != "vllm":
        raise EvaluationError("--engine-arg goes with --engine vllm")
    from anytime_server.option_pairs import parse_options

    try:
        return parse_options(pairs)
    except ValueError as error:
        raise EvaluationError(str(error)) from None


def _source(place: str, engine: str, options: dict[str, Any], concurrency: int) -> "Source":
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
    return LocalSource(place) if engine == "transformers" else EngineSource(place, engine, concurrency, options)


def _name(place: str) -> str:
    if place.startswith(("http://", "https://")):
        return place.split("://", 1)[1].rstrip("/")
    folder = Path(place)
    return folder.resolve().name if folder.is_dir() else folder.name


def questions_of(asked: Asked, say: "Callable[[str], None]") -> "list[QuestionSet]":
    """Load the problems that are asked for, telling what is being loaded.

    Raises:
        TrainingError: if options exclude each other, or the problems can't be loaded.
    """
    if asked.families is not None and (asked.data or asked.dataset):
        raise EvaluationError("give either --families or --data or --dataset, and not both")
    if asked.split is not None and (asked.dataset is None or asked.data is not None):
        raise EvaluationError("--split goes with --dataset, and without --data: a file has none")
    if asked.dataset is not None:
        return [_from_dataset(asked, asked.dataset, say)]
    if asked.data is not None:
        return [_from_data(asked, asked.data, say)]
    return _synthetic(asked)


def _from_dataset(asked: Asked, dataset: str, say: "Callable[[str], None]") -> "QuestionSet":
    """A data set of the Hub by its id, or the file of --data in that data set's layout."""
    from anytime_training.evaluation.questions import from_source
    from anytime_training.problems import KNOWN, DataSource

    layout = KNOWN.get(dataset)
    if asked.data is None:
        source = DataSource(dataset=dataset, split=asked.split or (layout.evaluation_split if layout else "test"))
    elif layout is None:
        raise EvaluationError(
            f"--dataset {dataset}: its layout is not known, so --data can't be read as it; known: {', '.join(KNOWN)}"
        )
    elif not Path(asked.data).is_file():
        raise EvaluationError(f"--data {asked.data} is no file; leave it out to load {dataset} from the Hub")
    else:
        source = DataSource(
            file=Path(asked.data), prompt=layout.prompt, answer=layout.answer, answer_in=layout.answer_in
        )
    say(f"loading {source}" + (f", as {dataset}" if asked.data else f", split {source.split}"))
    verifier = asked.verifier or ("math" if layout else "exact")
    return from_source(source, verifier, asked.n, asked.seed, asked.instruction, say)


def _from_data(asked: Asked, data: str, say: "Callable[[str], None]") -> "QuestionSet":
    from anytime_training.evaluation.questions import from_file, from_source
    from anytime_training.problems import KNOWN

    verifier = asked.verifier or "exact"
    if not data.startswith(("{", GYM)):
        say(f"loading {data}")
        return from_file(Path(data), verifier, asked.n, asked.seed, asked.instruction, say)
    source = source_of(data, asked.n, asked.seed)
    if source.reasoning_gym is not None and asked.verifier is not None:
        raise EvaluationError("--verifier: reasoning_gym judges its problems by its own scorers; leave it out")
    known = KNOWN.get(source.dataset or "")
    split = source.split or (known.split if known else "train")
    say(f"loading {source}" + (f", split {split}" if source.dataset is not None else ""))
    return from_source(source, verifier, asked.n, asked.seed, asked.instruction, say)


def _synthetic(asked: Asked) -> "list[QuestionSet]":
    from anytime_training.evaluation.questions import synthetic
    from anytime_training.problems.tasks import FAMILIES, TAUGHT

    if asked.instruction:
        raise EvaluationError("--instruction goes with --data: the families' models are trained without one")
    if asked.verifier is not None:
        raise EvaluationError("--verifier goes with --data or --dataset: the families judge their own answers")
    given = asked.families
    names = [family.name for family in TAUGHT] if given is None else [name.strip() for name in given.split(",")]
    if unknown := [name for name in names if name not in FAMILIES]:
        raise EvaluationError(f"--families {', '.join(unknown)}: unknown; known: {', '.join(FAMILIES)}")
    return [synthetic(name, asked.n or DEFAULT_N, asked.seed) for name in dict.fromkeys(names)]


def source_of(text: str, n: int | None, seed: int) -> "DataSource":
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
        source = DataSource.model_validate(values)
    except yaml.YAMLError as error:
        raise EvaluationError(f"--data {text!r} is not valid YAML: {' '.join(str(error).split())}") from None
    except ValidationError as error:
        issue = error.errors()[0]
        key = "".join(f".{part}" for part in issue["loc"])
        raise EvaluationError(f"--data{key}: {issue['msg'].removeprefix('Value error, ')}") from None
    if source.max_prompt_tokens is not None:
        raise EvaluationError("--data.max_prompt_tokens: an evaluation asks whatever fits the model; leave it out")
    return source


def settings_of(
    budgets: str,
    samples: int,
    temperature: float,
    max_answer_tokens: int,
    full_answer_tokens: int,
    seed: int,
    trunks: int,
) -> "Settings":
    """Return how to roll out.

    Raises:
        EvaluationError: if the budgets are none, or samples or trunks would all be the same.
    """
    from anytime_training.evaluation.source import Settings

    for option, number in (("--samples", samples), ("--trunks", trunks)):
        if number > 1 and temperature == 0:
            raise EvaluationError(f"{option} {number} at temperature 0 are all the same; raise --temperature")
    lengths = _lengths(budgets)
    if trunks > 1 and lengths[-1] == 0:
        raise EvaluationError(f"--trunks {trunks} need something to think with; give --budgets above 0")
    return Settings(lengths, samples, temperature, max_answer_tokens, seed, full_answer_tokens, trunks)


def _lengths(text: str) -> tuple[int, ...]:
    parts = [part.strip() for part in text.split(",")]
    if not all(part.isdecimal() for part in parts):
        raise EvaluationError(f"--budgets {text!r} must be numbers of tokens separated by commas, such as 0,24,48")
    budgets = tuple(int(part) for part in parts)
    if any(later <= earlier for earlier, later in pairwise(budgets)):
        raise EvaluationError(f"--budgets {text!r} must increase")
    return budgets
