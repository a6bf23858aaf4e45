"""Problems to train on: synthetic ones, a file or a Hub data set, as rows of a `prompt` and its accepted values.

Every source becomes a `datasets.Dataset` with the columns `prompt` (one user message) and `answer` (a list of str),
and the columns that the source is told to keep.
"""

import csv
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anytime_training import tasks
from anytime_training.errors import DataError
from anytime_training.verifiers import last_boxed

if TYPE_CHECKING:
    from datasets import Dataset

Messages = list[dict[str, str]]
AnswerIn = Literal["text", "boxed", "hashes"]
"""Where a field holds the answer: the whole text, the last `\\boxed{}`, or what follows the last `####`."""

PROMPT_FIELDS = ("problem", "question", "prompt")
ANSWER_FIELDS = ("answer", "solution")
FORMATS = {".jsonl": "json", ".json": "json", ".csv": "csv", ".parquet": "parquet"}


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a known data set."""

    prompt: str
    answer: str
    answer_in: AnswerIn = "text"
    subset: str | None = None
    split: str = "train"


KNOWN: dict[str, Layout] = {
    "agentica-org/DeepScaleR-Preview-Dataset": Layout("problem", "answer"),
    "DigitalLearningGmbH/MATH-lighteval": Layout("problem", "solution", "boxed", subset="default"),
    "EleutherAI/hendrycks_math": Layout("problem", "solution", "boxed"),
    "HuggingFaceH4/MATH-500": Layout("problem", "answer", split="test"),
    "nlile/hendrycks-MATH-benchmark": Layout("problem", "answer"),
    "openai/gsm8k": Layout("question", "answer", "hashes", subset="main"),
}


class DataSource(BaseModel):
    """Where the problems of a run come from: exactly one of `families`, `file` and `dataset`.

    `families` are drawn by their weights, `n` problems of `count` items. `prompt` and `answer` name the fields of a
    file or data set, `answer_in` says where the answer is in its field; left out, they are known from the data set's
    id or found by name. `keep` names further columns. A row without an answer is an error unless `drop_unanswered`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    families: Annotated[dict[str, Annotated[float, Field(ge=0)]], Field(min_length=1)] | None = None
    count: tuple[int, int] = (2, 8)
    n: int | None = Field(default=None, ge=1)
    seed: int = 0
    file: Path | None = None
    dataset: str | None = None
    subset: str | None = None
    split: str | None = None
    prompt: str | None = None
    answer: str | None = None
    answer_in: AnswerIn | None = None
    keep: tuple[str, ...] = ()
    drop_unanswered: bool = False
    max_prompt_tokens: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> "DataSource":
        given = [key for key in ("families", "file", "dataset") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of families, file and dataset, not {', '.join(given) or 'none'}")
        fields = {"prompt", "answer", "answer_in", "keep", "drop_unanswered"}
        belong = {"families": {"count", "n", "seed"}, "file": fields, "dataset": fields | {"subset", "split"}}[given[0]]
        if stray := sorted(self.model_fields_set - belong - {"max_prompt_tokens", *given} - self._unset()):
            raise ValueError(f"{', '.join(stray)}: not a key of a source with {given[0]}; it takes {sorted(belong)}")
        if self.families is not None:
            self._check_families(self.families)
        if self.file is not None and self.file.suffix not in FORMATS:
            raise ValueError(f"file {self.file}: the ending must be one of {', '.join(FORMATS)}")
        if reserved := sorted({"prompt", "answer"} & set(self.keep)):
            raise ValueError(f"keep {reserved}: the rows have columns of that name already")
        return self

    def _unset(self) -> set[str]:
        return {key for key in self.model_fields_set if getattr(self, key) is None}

    def _check_families(self, families: Mapping[str, float]) -> None:
        if unknown := sorted(set(families) - set(tasks.FAMILIES)):
            raise ValueError(f"families {unknown} are unknown; known: {sorted(tasks.FAMILIES)}")
        if not sum(families.values()) > 0:
            raise ValueError("families: at least one weight must be above 0")
        if not 2 <= self.count[0] <= self.count[1] <= 8:
            raise ValueError(f"count {list(self.count)} must go from at least 2 to at most 8")
        if self.n is None:
            raise ValueError("n: give the number of problems to draw from the families")


@dataclass(frozen=True, slots=True)
class FilterReport:
    """How many problems were kept, and why the others were not."""

    kept: int
    too_long: int = 0
    duplicates: int = 0
    in_evaluation: int = 0
    without_answer: int = 0


def load(
    source: DataSource,
    count_tokens: Callable[[Messages], int] | None = None,
    evaluation: "Dataset | None" = None,
) -> "tuple[Dataset, FilterReport]":
    """Load the problems of a source and filter them.

    Problems are equal if their prompts are, but for letter case and white space. A duplicate is dropped, and so is a
    problem of `evaluation`, a data set of this module, and a prompt of more than `source.max_prompt_tokens`.

    Raises:
        DataError: if the source can't be loaded, lacks a column or an answer, or no problem is left.
    """
    if source.max_prompt_tokens is not None and count_tokens is None:
        raise DataError("max_prompt_tokens needs a tokenizer: give count_tokens")
    if source.families is not None and source.n is not None:
        problems, unanswered = synthetic(source.families, source.count, source.n, source.seed), 0
    else:
        problems, unanswered = _problems(_read(source), source)
    limit = source.max_prompt_tokens
    too_long = (lambda prompt: count_tokens(prompt) > limit) if count_tokens and limit else (lambda prompt: False)
    return _filtered(problems, too_long, evaluation, unanswered)


def synthetic(families: Mapping[str, float], count: tuple[int, int], n: int, seed: int) -> "Dataset":
    """Draw `n` problems of `count[0]` to `count[1]` items, families by their weights, with a column `family`."""
    rng = Random(seed)
    names = rng.choices(list(families), list(families.values()), k=n)
    problems = [tasks.sample(rng, name, count) for name in names]
    return _dataset(
        [problem.prompt for problem in problems], [list(problem.answers) for problem in problems], {"family": names}
    )


def with_instruction(problems: "Dataset", instruction: str) -> "Dataset":
    """Add an instruction to the end of every prompt, as a paragraph of its own."""

    def add(row: dict[str, Any]) -> dict[str, Any]:
        return {"prompt": [{"role": "user", "content": f"{_content(row)}\n\n{instruction}"}]}

    return problems.map(add)


def _read(source: DataSource) -> "Dataset":
    """The rows of a file or a data set as they are."""
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    layout = KNOWN.get(source.dataset or "")
    try:
        if source.file is not None:
            kind = FORMATS[source.file.suffix]
            options = _as_text(source.file) if kind == "csv" else {}
            return load_dataset(kind, data_files=str(source.file), split="train", **options)
        subset = source.subset or (layout.subset if layout else None)
        return load_dataset(source.dataset, subset, split=source.split or (layout.split if layout else "train"))
    except (DatasetsError, OSError, ValueError, StopIteration) as error:
        cause = str(error.__cause__ or error) or "it has no rows"
        raise DataError(f"{source.file or source.dataset} can't be loaded: {cause}") from error


def _as_text(file: Path) -> dict[str, Any]:
    """Options that read the columns of a CSV file as they stand; else 0.50 becomes 0.5 and NA a missing value."""
    from datasets import Features, Value

    with file.open(newline="", encoding="utf-8-sig") as lines:
        header = next(csv.reader(lines))
    return {"features": Features({column: Value("string") for column in header}), "keep_default_na": False}


def _problems(raw: "Dataset", source: DataSource) -> "tuple[Dataset, int]":
    """The problems of raw rows, and how many rows had no answer."""
    layout = _layout(raw, source)
    kept = [_field(raw, "keep", column, ()) for column in source.keep]
    prompts: list[str] = []
    answers: list[list[str]] = []
    extra: dict[str, list[Any]] = {column: [] for column in kept}
    for number, row in enumerate(raw.select_columns(list({layout.prompt, layout.answer, *kept})), 1):
        prompt, accepted = row[layout.prompt], _accepted(row[layout.answer], layout.answer_in)
        if not isinstance(prompt, str) or not prompt.strip():
            raise DataError(f"row {number}: the field {layout.prompt!r} holds no text: {prompt!r:.80}")
        if accepted:
            prompts.append(prompt)
            answers.append(accepted)
            for column in kept:
                extra[column].append(row[column])
        elif not source.drop_unanswered:
            raise DataError(
                f"row {number}: no answer that can be verified in the field {layout.answer!r} ({layout.answer_in}): "
                f"{row[layout.answer]!r:.80}; set drop_unanswered to leave such rows out"
            )
    return _dataset(prompts, answers, extra), len(raw) - len(prompts)


def _layout(raw: "Dataset", source: DataSource) -> Layout:
    """The fields of raw rows: as the source says, else as known of the data set, else found by name."""
    known = KNOWN.get(source.dataset or "")
    prompt = _field(raw, "prompt", source.prompt or (known.prompt if known else None), PROMPT_FIELDS)
    answer = _field(raw, "answer", source.answer or (known.answer if known else None), ANSWER_FIELDS)
    if source.answer_in is not None:
        return Layout(prompt, answer, source.answer_in)
    if known is not None and answer == known.answer:
        return Layout(prompt, answer, known.answer_in)
    return Layout(prompt, answer, "boxed" if answer == "solution" else "text")


def _field(raw: "Dataset", key: str, name: str | None, candidates: Sequence[str]) -> str:
    """The column named, else the first candidate that there is."""
    wanted = (name,) if name is not None else candidates
    for column in wanted:
        if column in raw.column_names:
            return column
    raise DataError(
        f"there is no column {' or '.join(map(repr, wanted))}; the columns are {', '.join(raw.column_names)}; "
        f"name one with the key {key!r}"
    )


def _accepted(value: object, answer_in: AnswerIn) -> list[str]:
    """The accepted values of a field; none if one of them is empty or no text."""
    items = value if isinstance(value, list) else [value]
    accepted = [text for item in items if (text := _value(item, answer_in))]
    return accepted if len(accepted) == len(items) else []


def _value(item: object, answer_in: AnswerIn) -> str | None:
    if isinstance(item, int) and not isinstance(item, bool):
        return str(item)
    if not isinstance(item, str):
        return None
    if answer_in == "boxed":
        return last_boxed(item)
    if answer_in == "hashes":
        return item.rpartition("####")[2].strip() if "####" in item else None
    return item.strip()


def _filtered(
    problems: "Dataset", too_long: Callable[[Messages], bool], evaluation: "Dataset | None", unanswered: int
) -> "tuple[Dataset, FilterReport]":
    held_out = {_key(row) for row in evaluation} if evaluation is not None else set()
    seen: set[str] = set()
    removed = {"in_evaluation": 0, "duplicates": 0, "too_long": 0}
    kept: list[int] = []
    for index, row in enumerate(problems):
        key = _key(row)
        if key in held_out:
            removed["in_evaluation"] += 1
        elif key in seen:
            removed["duplicates"] += 1
        elif too_long(row["prompt"]):
            removed["too_long"] += 1
        else:
            kept.append(index)
        seen.add(key)
    report = FilterReport(len(kept), without_answer=unanswered, **removed)
    if not kept:
        raise DataError(f"no problem is left: {report}")
    return problems.select(kept), report


def _key(row: Mapping[str, Any]) -> str:
    return " ".join(_content(row).split()).casefold()


def _content(row: Mapping[str, Any]) -> str:
    return str(row["prompt"][0]["content"])


def _dataset(prompts: list[str], answers: list[list[str]], extra: Mapping[str, list[Any]]) -> "Dataset":
    from datasets import Dataset

    messages = [[{"role": "user", "content": prompt}] for prompt in prompts]
    return Dataset.from_dict({**extra, "prompt": messages, "answer": answers})
