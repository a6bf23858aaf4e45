"""From a source to a data set of problems."""

from collections.abc import Callable, Mapping, Sequence
from random import Random
from typing import TYPE_CHECKING, Any

from anytime_training.errors import DataError
from anytime_training.problems import reasoning_gym, tasks
from anytime_training.problems.answers import accepted, find_answers
from anytime_training.problems.filtering import FilterReport, filtered
from anytime_training.problems.prompts import Messages, as_messages
from anytime_training.problems.source import ANSWER_FIELDS, KNOWN, PROMPT_FIELDS, DataSource, Layout
from anytime_training.problems.tables import Row, Table, read_table

if TYPE_CHECKING:
    from datasets import Dataset


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
    elif source.reasoning_gym is not None:
        problems, unanswered = _dataset(*reasoning_gym.draw(source)), 0
    else:
        problems, unanswered = _problems(read_table(source), source)
    limit = source.max_prompt_tokens
    too_long = (lambda prompt: count_tokens(prompt) > limit) if count_tokens and limit else (lambda prompt: False)
    return filtered(problems, too_long, evaluation, unanswered)


def synthetic(families: Mapping[str, float], count: tuple[int, int], n: int, seed: int) -> "Dataset":
    """Draw `n` problems of `count[0]` to `count[1]` items, families by their weights, with a column `family`."""
    rng = Random(seed)
    names = rng.choices(list(families), list(families.values()), k=n)
    problems = [tasks.sample(rng, name, count) for name in names]
    prompts = [as_messages(problem.prompt) for problem in problems]
    return _dataset(prompts, [list(problem.answers) for problem in problems], {"family": names})


def _problems(table: Table, source: DataSource) -> "tuple[Dataset, int]":
    """The problems of a table, and how many rows had no answer."""
    layout = _layout(table, source)
    kept = [_field(table, "keep", column, ()) for column in source.keep]
    prompts: list[Messages] = []
    answers: list[list[str]] = []
    extra: dict[str, list[Any]] = {column: [] for column in kept}
    for row in table.rows:
        prompt, values = _prompt(row, layout.prompt), accepted(row[layout.answer], layout.answer_in)
        if values:
            prompts.append(prompt)
            answers.append(values)
            for column in kept:
                extra[column].append(row[column])
        elif not source.drop_unanswered:
            raise DataError(
                f"{row.place}: no answer that can be verified in the field {layout.answer!r} ({layout.answer_in}): "
                f"{row[layout.answer]!r:.80}; set drop_unanswered to leave such rows out"
            )
    return _dataset(prompts, answers, extra), len(table.rows) - len(prompts)


def _prompt(row: Row, field: str) -> Messages:
    try:
        return as_messages(row[field])
    except ValueError as error:
        raise DataError(f"{row.place}: the field {field!r} {error}") from error


def _layout(table: Table, source: DataSource) -> Layout:
    """The fields of a table: as the source says, else as known of the data set, else found by name and by looking."""
    known = KNOWN.get(source.dataset or "")
    prompt = _field(table, "prompt", source.prompt or (known.prompt if known else None), PROMPT_FIELDS)
    answer = _field(table, "answer", source.answer or (known.answer if known else None), ANSWER_FIELDS)
    if source.answer_in is not None:
        return Layout(prompt, answer, source.answer_in)
    if known is not None and answer == known.answer:
        return Layout(prompt, answer, known.answer_in)
    try:
        return Layout(prompt, answer, find_answers((row[answer] for row in table.rows), answer))
    except ValueError as error:
        raise DataError(f"{source.file or source.dataset}: the field {answer!r} {error}") from error


def _field(table: Table, key: str, name: str | None, candidates: Sequence[str]) -> str:
    """The column named, else the first candidate that there is."""
    wanted = (name,) if name is not None else candidates
    for column in wanted:
        if column in table.columns or ("." in column and any(row[column] is not None for row in table.rows)):
            return column
    raise DataError(
        f"there is no column {' or '.join(map(repr, wanted))}; the columns are {', '.join(table.columns)}; "
        f"name one with the key {key!r}"
    )


def _dataset(prompts: list[Messages], answers: list[list[str]], extra: Mapping[str, list[Any]]) -> "Dataset":
    from datasets import Dataset

    try:
        return Dataset.from_dict({**extra, "prompt": prompts, "answer": answers})
    except (ValueError, TypeError) as error:
        raise DataError(f"keep: a column of {', '.join(extra)} holds values of several kinds: {error}") from error
