"""Rows as they stand, with the place of each: from a local file, or from the Hub.

Local files are read here and not by `datasets`, which takes dates for timestamps, shifts the columns of a row with too
many commas, and joins what does not belong together.
"""

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from anytime_training.errors import DataError
from anytime_training.hub import check_data
from anytime_training.problems.source import ANSWER_FIELDS, KNOWN, PROMPT_FIELDS, DataSource, Format, format_of
from anytime_training.problems.text import read_text

Fields = Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Row:
    """The fields of a row, and where it stands, as it is said in an error."""

    place: str
    fields: Fields

    def __getitem__(self, name: str) -> Any:
        """The field of this name: its own, or with dots, one in another; None if it has none."""
        return look_up(self.fields, name)


@dataclass(frozen=True, slots=True)
class Table:
    """Rows, and the names of their columns."""

    columns: tuple[str, ...]
    rows: tuple[Row, ...]


def look_up(fields: Fields, name: str) -> Any:
    """The field of this name; with dots, one that lies in others. None if there is none."""
    if name in fields:
        return fields[name]
    outer, dot, inner = name.partition(".")
    within = fields.get(outer)
    return look_up(within, inner) if dot and isinstance(within, Mapping) else None


def read_table(source: DataSource) -> Table:
    """Read the rows of a source's file or data set.

    Raises:
        DataError: if it can't be read, naming the file and the line; or if it has no rows.
    """
    file = source.file
    kind = None if file is None else format_of(file)
    if file is None or kind is None or kind == ".parquet":
        return _from_datasets(source)
    rows = tuple(Row(_place(file, line, number), fields) for number, (line, fields) in enumerate(_rows(file, kind), 1))
    if not rows:
        raise DataError(f"{file} can't be loaded: it has no rows")
    return Table(tuple(dict.fromkeys(name for row in rows for name in row.fields)), rows)


def _place(file: Path, line: int | None, number: int) -> str:
    return f"{file} row {number}" if line is None else f"{file} line {line}, row {number}"


def _rows(file: Path, kind: Format) -> Iterator[tuple[int | None, Fields]]:
    """The rows with their lines, as far as they have lines."""
    text = read_text(file)
    if kind in (".csv", ".tsv"):
        yield from _separated(file, text, "," if kind == ".csv" else "\t")
    elif kind == ".jsonl":
        yield from _json_lines(file, text)
    else:
        yield from _json_document(file, text)


def _separated(file: Path, text: str, delimiter: str) -> Iterator[tuple[int, Fields]]:
    """Rows of text as they stand: 0.50 stays 0.50, and NA is no missing value."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=delimiter, strict=True)
    header: list[str] | None = None
    begin = 1
    try:
        for row in reader:
            if header is None and row:
                header = [name.strip() for name in row]
                _check_header(file, header)
            elif header is not None and row:
                if len(row) != len(header):
                    raise DataError(
                        f"{file} line {begin}: {len(row)} fields, and the header has {len(header)}; put a field that "
                        f"holds {'a comma' if delimiter == ',' else 'a tab'} in double quotes"
                    )
                yield begin, dict(zip(header, row, strict=True))
            begin = reader.line_num + 1
    except csv.Error as error:
        raise DataError(
            f"{file} line {begin}: {error}; a quoted field ends with a double quote, and one inside is doubled"
        ) from error


def _check_header(file: Path, header: list[str]) -> None:
    if len(set(header)) < len(header):
        twice = sorted({name for name in header if header.count(name) > 1})
        raise DataError(f"{file} line 1: the header names {', '.join(map(repr, twice))} more than once")


def _json_lines(file: Path, text: str) -> Iterator[tuple[int, Fields]]:
    for number, line in enumerate(text.split("\n"), 1):
        if line.strip():
            yield number, _json_row(file, number, line)


def _json_row(file: Path, number: int, line: str) -> Fields:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as error:
        raise DataError(f"{file} line {number} can't be loaded: it is no JSON: {error}") from error
    if not isinstance(row, dict):
        raise DataError(
            f"{file} line {number} can't be loaded: a line must be a JSON object, not {line.strip()!r:.60}; a file "
            "that is one JSON document is named .json"
        )
    return row


def _json_document(file: Path, text: str) -> Iterator[tuple[int | None, Fields]]:
    """The objects of a list, alone or the only list of an object; JSON Lines under the name .json are read as well."""
    try:
        document = json.loads(text)
    except (ValueError, RecursionError) as error:
        lines = [line for line in text.split("\n") if line.strip()]
        if not lines or not _is_object(lines[0]):
            cause = f"it is no JSON: {error}" if lines else "it has no rows"
            raise DataError(f"{file} can't be loaded: {cause}") from error
        yield from _json_lines(file, text)
        return
    for number, row in enumerate(_listed(file, document), 1):
        if not isinstance(row, dict):
            raise DataError(f"{file} row {number}: a row must be a JSON object, not {row!r:.60}")
        yield None, row


def _listed(file: Path, document: Any) -> list[Any]:
    if isinstance(document, list):
        return document
    if isinstance(document, dict):
        lists = [
            value for value in document.values() if isinstance(value, list) and value and isinstance(value[0], dict)
        ]
        if len(lists) == 1:
            return lists[0]
        if document and not any(isinstance(value, list) for value in document.values()):
            return [document]
    raise DataError(f"{file} can't be loaded: it must hold a list of objects, alone or as the only list of an object")


def _is_object(line: str) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except (ValueError, RecursionError):
        return False


def _from_datasets(source: DataSource) -> Table:
    """The rows of a Parquet file or of a data set of the Hub."""
    if source.dataset is not None and not Path(source.dataset).exists():
        check_data(source.dataset)
    from datasets import load_dataset
    from datasets.exceptions import DatasetsError

    layout = KNOWN.get(source.dataset or "")
    name = str(source.file or source.dataset)
    try:
        if source.file is not None:
            raw = load_dataset("parquet", data_files=str(source.file), split="train")
        else:
            subset = source.subset or (layout.subset if layout else None)
            raw = load_dataset(source.dataset, subset, split=source.split or (layout.split if layout else "train"))
    except (DatasetsError, OSError, ValueError, StopIteration) as error:
        cause = str(error.__cause__ or error) or "it has no rows"
        raise DataError(f"{name} can't be loaded: {cause}") from error
    wanted = _wanted(raw.column_names, source)
    rows: Iterable[Fields] = raw.select_columns(wanted)
    return Table(tuple(raw.column_names), tuple(Row(f"{name} row {number}", row) for number, row in enumerate(rows, 1)))


def _wanted(columns: list[str], source: DataSource) -> list[str]:
    """The columns that a source may be about: pictures and other large things beside them are not decoded."""
    known = KNOWN.get(source.dataset or "")
    named = [source.prompt, source.answer, known and known.prompt, known and known.answer, *source.keep]
    names = {name for name in (*named, *PROMPT_FIELDS, *ANSWER_FIELDS) if name}
    return [column for column in columns if column in names or any(name.startswith(f"{column}.") for name in names)]
