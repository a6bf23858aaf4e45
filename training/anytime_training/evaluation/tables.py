"""Markdown tables that fit a terminal of 80 columns: one that is too wide goes on in others below it, as wide as it."""

from collections.abc import Sequence

WIDTH = 80


def table(head: Sequence[str], rows: Sequence[Sequence[str]], width: int = WIDTH) -> str:
    """Return the rows under their head; columns that do not fit follow in further tables, each with the first one."""
    columns = [[head[index], *(row[index] for row in rows)] for index in range(len(head))]
    widths = [max(map(len, column)) for column in columns]
    return "\n\n".join(_drawn([columns[i] for i in some], [widths[i] for i in some]) for some in _pages(widths, width))


def _pages(widths: Sequence[int], width: int) -> list[list[int]]:
    """The columns of each table, by index: no more tables than are needed, and none much narrower than the others."""
    needed = len(_filled(widths, width))
    limits = range(max(widths), width)
    return next((pages for limit in limits if len(pages := _filled(widths, limit)) == needed), _filled(widths, width))


def _filled(widths: Sequence[int], width: int) -> list[list[int]]:
    """The columns of each table, by index, if each takes as many as fit."""
    pages: list[list[int]] = [[0]]
    for index in range(1, len(widths)):
        taken = sum(widths[i] + 3 for i in pages[-1]) + 1
        if taken + widths[index] + 3 > width and len(pages[-1]) > 1:
            pages.append([0])
        pages[-1].append(index)
    return pages


def _drawn(columns: Sequence[Sequence[str]], widths: Sequence[int]) -> str:
    """Words to the left, numbers to the right."""
    lines = []
    for number, cells in enumerate(zip(*columns, strict=True)):
        padded = [
            cell.ljust(size) if index == 0 else cell.rjust(size)
            for index, (cell, size) in enumerate(zip(cells, widths, strict=True))
        ]
        lines.append(f"| {' | '.join(padded)} |")
        if number == 0:
            rules = ["-" * size if index == 0 else "-" * (size - 1) + ":" for index, size in enumerate(widths)]
            lines.append(f"| {' | '.join(rules)} |")
    return "\n".join(lines)
