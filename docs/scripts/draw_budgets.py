"""Draw docs/images/budgets.png from live runs: `python docs/scripts/draw_budgets.py http://localhost:8000`.

The server must serve the embedded model. Everything in the picture is what came back.
"""

import sys
from itertools import accumulate
from pathlib import Path
from typing import Any

import httpx
import matplotlib.pyplot as plt
from matplotlib.axes import Axes

TARGET = Path(__file__).parents[1] / "images" / "budgets.png"
QUESTION = {"prompt": "smallest of 66+8, 7*6, 90-21, 33+44, 81-50", "temperature": 0}
RIGHT = "31"
INK, THOUGHT, CUT, GOOD, POOR = "#22262b", "#3566b8", "#c2571a", "#1e8449", "#8a8f98"


def main(url: str) -> None:
    """Ask the server at `url` and write the picture."""
    with httpx.Client(base_url=url, timeout=120) as client:
        whole = _ask(client, budget=120, checkpoints={"every": 15})
        cut = _ask(client, budget=30, checkpoints=[])
        client.post(f"/reason/{cut['id']}/extend", params={"budget": "+60"}).raise_for_status()
        client.get(f"/reason/{cut['id']}/events", params={"starting_after": cut["last_sequence_number"]})
        extended = client.get(f"/reason/{cut['id']}").json()
        starts = _line_starts(client, whole["thinking"])
    figure, (top, middle, bottom) = plt.subplots(3, figsize=(10, 5.6), height_ratios=(2.4, 1, 1), sharex=True)
    _draw(top, whole, starts, 0, "budget 120, a checkpoint every 15 tokens")
    _checkpoints(top, whole)
    _draw(middle, cut, starts, 0, "the same with budget 30")
    _draw(bottom, extended, starts, 30, "... and then extend, budget=+60")
    bottom.set_xlabel("thinking tokens")
    figure.tight_layout()
    figure.savefig(TARGET, dpi=160)


def _ask(client: httpx.Client, **fields: Any) -> dict[str, Any]:
    document: dict[str, Any] = client.post("/reason", json={**QUESTION, **fields}).raise_for_status().json()
    return document


def _line_starts(client: httpx.Client, thinking: str) -> list[int]:
    """After how many tokens each line of the thinking begins."""
    lines = thinking.splitlines(keepends=True)
    counts = [client.post("/tokenize", json={"prompt": line}).raise_for_status().json()["count"] for line in lines]
    return [0, *accumulate(counts)]


def _draw(axes: Axes, document: dict[str, Any], starts: list[int], start: int, title: str) -> None:
    spent, granted = document["budget"]["spent"], document["budget"]["granted"]
    axes.barh(0, start, height=0.5, color=THOUGHT, alpha=0.35)
    axes.barh(0, spent - start, left=start, height=0.5, color=THOUGHT)
    axes.barh(0, granted - spent, left=spent, height=0.5, fill=False, edgecolor=POOR, linestyle=":")
    for begin, line in zip(starts, document["thinking"].splitlines(), strict=False):
        label = line.replace(", best", "\nbest")
        axes.text(begin + 0.7, 0, label, color="white", va="center", fontsize=7.5)
    closed = "the model closes it" if document["stop_reason"] == "natural" else "closed by force"
    color = GOOD if document["answer"]["value"] == RIGHT else POOR
    axes.vlines(spent, -0.6, 0.6, color=CUT if document["stop_reason"] == "budget" else INK)
    text = f"{closed}:\n{document['answer']['text'].splitlines()[0]}"
    background = {"facecolor": "white", "edgecolor": "none", "pad": 1}
    axes.text(spent + 1.5, 0, text, va="center", fontsize=9, color=color, fontweight="bold", bbox=background)
    axes.set_title(title, loc="left", fontsize=10, color=INK)
    axes.set(xlim=(0, 128), ylim=(-0.6, 0.6), yticks=[])
    axes.spines[["top", "right", "left"]].set_visible(False)


def _checkpoints(axes: Axes, document: dict[str, Any]) -> None:
    axes.set_ylim(-0.6, 2.2)
    for answer in document["checkpoints"]:
        color = GOOD if answer["value"] == RIGHT else POOR
        label = f"{answer['answer']}\nsure: {answer['confidence']:.2f}\nstood for {answer['stable_for']}"
        axes.annotate(
            label,
            xy=(answer["at"], 0.25),
            xytext=(answer["at"] + 4, 1.35),
            fontsize=8,
            color=color,
            ha="center",
            arrowprops={"arrowstyle": "<-", "color": color},
        )
    axes.text(101, 1.35, "interim answers, branched off\nwhile the thinking goes on", fontsize=8, color=INK)


if __name__ == "__main__":
    main(sys.argv[1])
