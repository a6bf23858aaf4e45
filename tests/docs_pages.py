"""The pages of the documentation: their links, headings and the blocks that are to be run."""

import re
import tomllib
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path

ROOT = Path(__file__).parents[1]
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
REPOSITORY = PROJECT["urls"]["Repository"]
RAW = REPOSITORY.replace("https://github.com/", "https://raw.githubusercontent.com/")

FRONT_PAGE = ROOT / "README.md"
PAGES = [
    FRONT_PAGE,
    ROOT / "CONTRIBUTING.md",
    ROOT / "SECURITY.md",
    ROOT / "benchmarks" / "README.md",
    ROOT / "examples" / "README.md",
    *sorted((ROOT / "docs").glob("*.md")),
]

BLOCK = re.compile(r"^```(?P<info>[^\n]*)\n(?P<code>.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\[[^\]]*\]\((?P<inline>[^)\s]+)\)|^\[[^\]]+\]: (?P<defined>\S+)$", re.MULTILINE)
IN_REPOSITORY = re.compile(
    rf"{re.escape(REPOSITORY)}/(?P<view>blob|tree)/main/(?P<path>.+)|{re.escape(RAW)}/main/(?P<raw>.+)"
)
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


def targets(page: Path) -> list[str]:
    """Return the targets of a page's links, as they are written."""
    prose = BLOCK.sub("", text_of(page))
    return [match["inline"] or match["defined"] for match in LINK.finditer(prose)]


def links(page: Path) -> list[str]:
    """Return a page's relative links."""
    return [target for target in targets(page) if not target.startswith(("http://", "https://"))]


def resolved(page: Path, target: str) -> tuple[Path, str] | None:
    """Return the file of this repository, and the anchor in it, that a link leads to; None if it leads elsewhere."""
    where, _, anchor = target.partition("#")
    if inside := IN_REPOSITORY.fullmatch(where):
        return ROOT / (inside["path"] or inside["raw"]), anchor
    if where.startswith(("http://", "https://")):
        return None
    return (page.parent / where).resolve() if where else page, anchor


def anchors(page: Path) -> set[str]:
    """Return the anchors of a page's headings, as GitHub makes them."""
    headings = HEADING.finditer(BLOCK.sub("", text_of(page)))
    plain = (re.sub(r"[^\w\- ]", "", match["text"].lower()) for match in headings)
    return {text.replace(" ", "-") for text in plain}
