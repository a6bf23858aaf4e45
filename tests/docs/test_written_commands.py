"""Every command that the pages show is one that there is: its options, its files, its targets. None of them is run."""

import re
import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest
import typer.main

from anytime_client.cli import build
from docs_pages import BLOCK, PAGES, ROOT, text_of

SHELLS = ("", "bash", "bash run")
INLINE = re.compile(r"(?<!`)`([^`]+)`(?!`)", re.DOTALL)
OPERATORS = ("|", "||", "&", "&&", ";", ">")
SCRIPT = re.compile(r"(benchmarks|docs|docker|examples|tests)/[\w./-]+")
TARGET = re.compile(r"^([a-z]+):", re.MULTILINE)
ANYTIME = typer.main.get_command(build())


@dataclass(frozen=True)
class Written:
    """A command as a page has it; one within a sentence may be a part of one."""

    page: Path
    whole: bool
    words: tuple[str, ...]

    def __str__(self) -> str:
        """Name the place, for pytest."""
        return f"{self.page.relative_to(ROOT)}: {shlex.join(self.words)[:60]}"


def lines_of(code: str) -> list[str]:
    """Return the lines of a block, continued ones as one; with prompts in it, other lines are output."""
    lines = re.sub(r"\\\n\s*", " ", code).splitlines()
    return [line.removeprefix("$ ") for line in lines if line.startswith("$ ")] or lines


def commands_of(line: str) -> Iterator[tuple[str, ...]]:
    """Yield the words of each command of a line, without the variables that are set for it."""
    try:
        words = shlex.split(line, comments=True)
    except ValueError:
        return  # a part of a block of several lines
    command: list[str] = []
    for word in [*words, ";"]:
        if word not in OPERATORS:
            command += [] if not command and re.match(r"[A-Z_]+=", word) else [word]
        elif command:
            yield tuple(command)
            command = []


def commands() -> Iterator[Written]:
    """Yield the commands of all pages."""
    for page in PAGES:
        text = text_of(page)
        blocks = [block["code"] for block in BLOCK.finditer(text) if block["info"] in SHELLS]
        sentences = [" ".join(match[1].split()) for match in INLINE.finditer(BLOCK.sub("", text))]
        yield from (
            Written(page, True, words) for code in blocks for line in lines_of(code) for words in commands_of(line)
        )
        yield from (Written(page, False, words) for line in sentences for words in commands_of(line))


COMMANDS = sorted(set(commands()), key=str)
OURS = [each for each in COMMANDS if each.words[0] == "anytime" and len(each.words) > 1]
SCRIPTS = [each for each in COMMANDS if each.words[0] in ("python", "pytest", "node", "litellm", "jupyter", "docker")]
MAKE = [each for each in COMMANDS if each.words[0] == "make"]


def test_the_pages_are_read():
    assert len(OURS) > 60
    assert {each.words[1] for each in OURS} >= {"serve", "ask", "models", "doctor", "eval", "calibrate", "train"}


@pytest.mark.parametrize("written", OURS, ids=str)
def test_a_command_has_the_options_that_a_page_gives_it(written):
    command, arguments = ANYTIME, list(written.words[1:])
    while arguments and hasattr(command, "commands") and not arguments[0].startswith("-"):
        command = command.commands[arguments.pop(0)]
    known = {option for parameter in command.params for option in (*parameter.opts, *parameter.secondary_opts)}
    given = {word.partition("=")[0] for word in arguments if re.match(r"--?[a-z]", word)}
    assert given <= known | {"--help"}
    if written.whole:
        command.make_context("anytime", arguments)


@pytest.mark.parametrize("written", SCRIPTS, ids=str)
def test_the_files_that_a_command_names_are_there(written):
    named = [word for word in written.words if SCRIPT.fullmatch(word) and "/results/" not in word]
    assert [word for word in named if not (ROOT / word).exists()] == []


@pytest.mark.parametrize("written", MAKE, ids=str)
def test_a_target_of_make_is_in_the_makefile(written):
    known = set(TARGET.findall((ROOT / "Makefile").read_text()))
    assert {word for word in written.words[1:] if "=" not in word} <= known
