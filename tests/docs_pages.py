"""The pages of the documentation: their links, headings and the blocks that are to be run."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "benchmarks" / "README.md", *sorted((ROOT / "docs").glob("*.md"))]

BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<target>[^)\s]+)\)")
HEADING = re.compile(r"^#+ (?P<text>.+)$", re.MULTILINE)


@dataclass(frozen=True)
class Block:
    """A fenced block whose info string is its language and the word `run`."""

    page: Path
    line: int
    language: str
    code: str

    def __str__(self) -> str:
        """Name the block as editors name a place in a file."""
        return f"{self.page.relative_to(ROOT)}:{self.line}"


@cache
def text_of(page: Path) -> str:
    """Return a page as it stands."""
    return page.read_text(encoding="utf-8")


def blocks_to_run() -> Iterator[Block]:
    """Yield the blocks of all pages that are marked to be run."""
    for page in PAGES:
        text = text_of(page)
        for match in BLOCK.finditer(text):
            language, _, mark = match["info"].partition(" ")
            if mark == "run":
                yield Block(page, text.count("\n", 0, match.start()) + 1, language, match["code"])


def links(page: Path) -> list[str]:
    """Return the targets of a page's links to files of this repository."""
    prose = BLOCK.sub("", text_of(page))
    targets = [match["target"] for match in LINK.finditer(prose)]
    return [target for target in targets if not target.startswith(("http://", "https://"))]


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.finditer(BLOCK.sub("", text_of(page)))
    plain = (re.sub(r"[^\w\- ]", "", match["text"].lower()) for match in headings)
    return {text.replace(" ", "-") for text in plain}
