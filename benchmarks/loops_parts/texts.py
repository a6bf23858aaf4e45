"""Structured text, which repeats much and is no loop: tables, lists, counting, JSON, code."""

import json
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path

from tokenizers import Tokenizer
from tokenizers.decoders import ByteLevel as ByteLevelDecoder
from tokenizers.models import BPE
from tokenizers.pre_tokenizers import ByteLevel
from tokenizers.trainers import BpeTrainer

from harness.environment import ROOT
from harness.report import Row
from loops_parts.cycles import left_alone

VOCABULARY = 8192
WRITTEN = {"code": (".py", ".js", ".lua", ".html", ".css"), "documents and tables": (".md", ".txt", ".yaml", ".toml")}
LARGEST_FILE = 200_000


def measure() -> tuple[list[Row], list[str]]:
    """Return how many texts of each kind are closed, and the names of those that are."""
    kinds = {**{kind: _written(endings) for kind, endings in WRITTEN.items()}, **_generated()}
    tokenizer = _trained([text for texts in kinds.values() for text in texts.values()])
    rows, notes = [], []
    for kind, texts in kinds.items():
        names = list(texts)
        row, hits = left_alone("structured text", kind, [tokenizer.encode(text).ids for text in texts.values()])
        rows.append(row)
        notes += [f"closed: {kind}: {names[number]}" for number in hits]
    return rows, notes


def _written(endings: tuple[str, ...]) -> dict[str, str]:
    """The files of this repository with these endings."""
    names = subprocess.run(["git", "ls-files"], cwd=ROOT, capture_output=True, text=True, check=True).stdout.split()
    paths = [ROOT / name for name in names if Path(name).suffix in endings]
    texts = {str(path.relative_to(ROOT)): path.read_text() for path in paths if path.stat().st_size < LARGEST_FILE}
    return {name: text for name, text in texts.items() if text}


def _generated() -> Mapping[str, dict[str, str]]:
    return {
        "counting": dict(_counting()),
        "made tables and lists": dict(_tables()),
    }


def _counting() -> Iterator[tuple[str, str]]:
    for step in (1, 2, 5, 10, 100):
        numbers = range(0, 400 * step, step)
        for between in (", ", " ", "\n", "; ", " -> "):
            yield f"by {step} with {between!r}", between.join(map(str, numbers))
        yield f"lines by {step}", "".join(f"{at}. Step {at}: check that {at} is fine.\n" for at in numbers)
    for size in (2, 10, 16):
        yield f"digits in base {size}", " ".join(_digits(number, size) for number in range(600))
    yield "primes tried", "".join(f"{n} = {n // 7} * 7 + {n % 7}, so 7 does not divide {n}.\n" for n in range(1, 400))


def _digits(number: int, base: int) -> str:
    return (_digits(number // base, base) if number >= base else "") + "0123456789abcdef"[number % base]


def _tables() -> Iterator[tuple[str, str]]:
    for columns in (2, 4, 8):
        across = range(1, columns + 1)
        head = "|" + "".join(f" c{column} |" for column in across) + "\n" + "|---" * columns + "|\n"
        rows = ["|" + "".join(f" {row * column % 97} |" for column in across) for row in range(60)]
        yield f"markdown, {columns} columns", head + "\n".join(rows)
        border = "+" + "--------+" * columns + "\n"
        boxed = [border + "|" + "".join(f"{row * column:>7} |" for column in across) for row in range(40)]
        yield f"boxes, {columns} columns", "\n".join(boxed)
        lines = [",".join(str(row + column) for column in across) for row in range(80)]
        yield f"csv, {columns} columns", "\n".join(lines)
    yield "multiplication", "\n".join(f"{a} x {b} = {a * b}" for a in range(1, 21) for b in range(1, 21))
    yield "squares", "".join(f"- the square of {number} is {number * number}\n" for number in range(200))
    yield "truth table", "\n".join("  ".join(f"{row:08b}") + f"  | {row.bit_count() % 2}" for row in range(256))
    yield "rules of dashes", "\n".join(f"{name}\n{'-' * 80}\n{'=' * 60}" for name in ("one", "two", "three", "four"))
    records = [{"id": number, "name": f"row {number}", "value": number / 8, "tags": ["a", "b"]} for number in range(80)]
    for indent in (None, 2, 4):
        yield f"JSON, indented by {indent}", json.dumps(records, indent=indent)


def _trained(texts: list[str]) -> Tokenizer:
    """Return a byte-level BPE tokenizer trained on the texts: like a model's, it merges digits, spaces and dashes."""
    tokenizer = Tokenizer(BPE())
    tokenizer.pre_tokenizer = ByteLevel(add_prefix_space=False)
    tokenizer.decoder = ByteLevelDecoder()
    trainer = BpeTrainer(vocab_size=VOCABULARY, initial_alphabet=ByteLevel.alphabet(), show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    return tokenizer
