"""Documents for people: short in a `repr`, and as a table in notebooks. Everything a model wrote is escaped."""

from collections.abc import Iterator
from html import escape
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from anytime_client.protocol.document import CheckpointAnswer, ReasonDocument

LONGEST = 60
"""Characters of an answer in a `repr`."""


def brief(text: str) -> str:
    """Return a text in a line's worth of characters."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST - 1]}…"


def repr_args(document: "ReasonDocument") -> Iterator[tuple[str, object]]:
    """Yield what a `repr` of a document shows: what became of the question, without the texts."""
    answer = document.answer
    yield "id", document.id
    yield "status", document.status
    yield "stop_reason", document.stop_reason
    yield "answer", brief(answer.value or answer.text) if answer else None
    yield "confidence", answer and answer.confidence
    yield "budget", f"{document.budget.spent} of {document.budget.granted}"
    yield "checkpoints", len(document.checkpoints)
    if document.error:
        yield "error", document.error.message


def html(document: "ReasonDocument") -> str:
    """Return a document as a notebook shows it: the answer, how it came about, the thinking folded away."""
    parts = [f"<p>{_facts(document)}</p>"]
    if document.answer:
        said = document.answer
        parts.insert(0, f"<p><strong>{escape(said.value or said.text)}</strong></p>")
        parts.append(f'<p style="white-space: pre-wrap">{escape(said.text)}</p>')
    if document.error:
        parts.append(f"<p>{escape(document.error.message)}</p>")
    if document.checkpoints:
        rows = "".join(map(_row, document.checkpoints))
        heads = "".join(f"<th>{head}</th>" for head in ("at", "answer", "sure", "votes", "stable for"))
        parts.append(f"<table><thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>")
    if document.thinking:
        text = f'<pre style="white-space: pre-wrap">{escape(document.thinking)}</pre>'
        parts.append(f"<details><summary>thinking</summary>{text}</details>")
    return f"<div>{''.join(parts)}</div>"


def _facts(document: "ReasonDocument") -> str:
    budget = document.budget
    facts = [document.status, f"{budget.spent} of {budget.granted} thinking tokens", document.model]
    if document.stop_reason is not None:
        facts[0] += f" ({document.stop_reason})"
    if document.timings.total_ms is not None:
        facts.insert(2, f"{document.timings.total_ms / 1000:.1f} s")
    return escape(" · ".join(facts))


def _row(answer: "CheckpointAnswer") -> str:
    said = answer.value or answer.answer
    votes = f"{answer.votes}/{answer.samples}"
    cells = (str(answer.at), said, f"{answer.confidence:.0%}", votes, str(answer.stable_for))
    return f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in cells)}</tr>"
