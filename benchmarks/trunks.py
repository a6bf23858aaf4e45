"""Several trunks under one budget: what the rules save against the majority of full trunks, and at what accuracy.

    python benchmarks/trunks.py -n 250 --out benchmarks/results/trunks-cpu.json
    python benchmarks/trunks.py -n 8 --families largest

Each question is asked once with full trunks, and all rules are played on these draws, by the modules that the server
itself runs. Then the server runs the rules that the bars are for. Prints a table and, as its last line, everything as
one line of JSON.
"""

import argparse
import asyncio
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from statistics import fmean, stdev

from anytime_client.protocol import ReasonDocument
from anytime_server.controller import PruningRule, StoppingRule, ThinkingFormat
from anytime_server.engines.choice import EMBEDDED, create_engine
from anytime_server.reasoning import Reasoner, ReasonSettings
from anytime_training.evaluation.questions import QuestionSet, synthetic
from harness.environment import environment
from harness.measure import BenchmarkError, Series
from harness.report import Row, json_line, publish, table
from trunks_parts.records import Record, Settings, documents, records
from trunks_parts.replay import Played, majority, ruled

FAMILIES = ("largest", "smallest", "closest", "sums")
TOTALS = (32, 64, 128, 256, 512)
TRUNKS = (1, 2, 4, 8)
Z = 1.96
SERVED: dict[str, dict[str, object]] = {
    "consensus 0.8": {"stop_when": {"consensus": 0.8}},
    "consensus 0.9, confidence 0.9": {"stop_when": {"consensus": 0.9, "confidence": 0.9}},
    "consensus 0.9, confidence 0.95": {"stop_when": {"consensus": 0.9, "confidence": 0.95}},
}
"""What the server is measured under; the bars are for these."""


def main() -> None:
    """Measure, print, write."""
    arguments = parse(sys.argv[1:])
    where = environment("benchmarks/trunks.py", sys.argv[1:])
    settings = Settings(arguments.trunks, arguments.longest, arguments.every, arguments.seed, arguments.sessions)
    start = time.perf_counter()
    try:
        rows = asyncio.run(measure(arguments, settings))
    except BenchmarkError as error:
        sys.exit(f"benchmarks/trunks.py: {error}")
    told = {"model": arguments.model, "n": arguments.n, "families": arguments.families, "every": settings.every}
    told |= {"longest": settings.longest, "trunks": settings.trunks, "seconds": round(time.perf_counter() - start, 1)}
    publish(table(rows), json_line("trunks", where, told, rows, []), arguments.out)


async def measure(arguments: argparse.Namespace, settings: Settings) -> list[Row]:
    """Return all rows: the rules on recorded trunks, the curve at equal tokens, and the server under the rules."""
    engine = create_engine(arguments.engine, arguments.model, {})
    await engine.start()
    try:
        reasoner = Reasoner(engine, ThinkingFormat.resolve(engine.tokenizer), ReasonSettings(max_sessions=1024))
        full: list[Record] = []
        served: dict[str, list[tuple[Played, bool]]] = {name: [] for name in arguments.rules}
        for family in arguments.families:
            questions = synthetic(family, arguments.n, arguments.seed)
            full += records(questions, await documents(reasoner, questions, settings))
            print(f"{family}: full trunks recorded", file=sys.stderr, flush=True)
            for name, of_rule in served.items():
                done = await documents(reasoner, questions, settings, **SERVED[name])
                of_rule += [_served(questions, number, document) for number, document in enumerate(done)]
                print(f"{family}: served under {name}", file=sys.stderr, flush=True)
    finally:
        await engine.stop()
    reference = [majority(record, settings.trunks, settings.longest) for record in full]
    of_server = [row for name, of_rule in served.items() for row in _of_server(name, of_rule, reference)]
    return [*_replayed(full, reference, settings), *of_server, *_curve(full, settings)]


def _served(questions: QuestionSet, number: int, document: ReasonDocument) -> tuple[Played, bool]:
    """Return what a session came to, by its vote, and whether its answer says what the vote says."""
    vote = document.checkpoints[-1].value
    said = document.answer.value if document.answer else None
    (right,) = questions.judge([number], [vote or ""])
    (same,) = questions.judge([number], [said or ""])
    return Played(right, document.budget.spent, document.usage.sequential or 0), right == same


def _replayed(full: Sequence[Record], reference: Sequence[Played], settings: Settings) -> list[Row]:
    rules: dict[str, Callable[[Record], Played]] = {
        f"majority of {settings.trunks} full trunks": lambda one: majority(one, settings.trunks, settings.longest),
        "one full trunk": lambda one: majority(one, 1, settings.longest),
    }
    for consensus in (0.6, 0.75, 0.8, 0.9):
        stopping = StoppingRule(consensus=consensus)
        rules[f"consensus {consensus}"] = lambda one, rule=stopping: ruled(one, settings.every, rule)
    for confidence in (0.8, 0.9, 0.95):
        stopping = StoppingRule(confidence=confidence, consensus=0.9)
        rules[f"consensus 0.9, confidence {confidence}"] = lambda one, rule=stopping: ruled(one, settings.every, rule)
    rules["prune"] = lambda one: ruled(one, settings.every, StoppingRule(), PruningRule())
    rules["consensus 0.8, prune"] = lambda one: ruled(one, settings.every, StoppingRule(consensus=0.8), PruningRule())
    rules["stable 3"] = lambda one: ruled(one, settings.every, StoppingRule(stable=3))
    rules["first 3"] = lambda one: ruled(one, settings.every, StoppingRule(), enough=3)
    rules["first 3, prune"] = lambda one: ruled(one, settings.every, StoppingRule(), PruningRule(least=3), 3)
    rows = []
    for name, rule in rules.items():
        rows += _compared("on recorded trunks", name, [rule(record) for record in full], reference)
    return rows


def _of_server(name: str, served: Sequence[tuple[Played, bool]], reference: Sequence[Played]) -> list[Row]:
    section = "the server"
    faithful = Series((fmean(same for _, same in served),))
    rows = _compared(section, name, [played for played, _ in served], reference, bars=True)
    return [*rows, Row(section, f"{name}: answers as right as the vote", faithful, "share")]


def _compared(
    section: str, name: str, played: Sequence[Played], reference: Sequence[Played], *, bars: bool = False
) -> list[Row]:
    """Compare with the majority of full trunks, question by question."""
    loss = [one.right - other.right for one, other in zip(played, reference, strict=True)]
    low = fmean(loss) - (Z * stdev(loss) / len(loss) ** 0.5 if len(loss) > 1 else 1.0)
    total = sum(one.total for one in played) / sum(one.total for one in reference)
    sequential = sum(one.sequential for one in played) / sum(one.sequential for one in reference)
    return [
        Row(section, f"{name}: accuracy", Series((fmean(one.right for one in played),)), "share"),
        Row(section, f"{name}: accuracy lost", Series((-fmean(loss),)), "share", 0.01 if bars else None, "lower"),
        Row(section, f"{name}: ... at most (95 %)", Series((-low,)), "share", 0.01 if bars else None, "lower"),
        Row(section, f"{name}: tokens in all, of the full", Series((total,)), "x", 0.75 if bars else None, "lower"),
        Row(section, f"{name}: in sequence", Series((sequential,)), "x", 0.65 if bars else None, "lower"),
    ]


def _curve(full: Sequence[Record], settings: Settings) -> list[Row]:
    rows = []
    for total in TOTALS:
        for trunks in (number for number in TRUNKS if number <= settings.trunks):
            played = [majority(record, trunks, total // trunks) for record in full]
            name = f"{total} tokens, {trunks} trunk{'s' if trunks > 1 else ''}"
            rows.append(Row("at equal tokens", name, Series((fmean(one.right for one in played),)), "share"))
    return rows


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--model", default=EMBEDDED)
    parser.add_argument("--engine", default="transformers")
    parser.add_argument("-n", type=int, default=32, help="questions of each family")
    parser.add_argument("--families", nargs="+", default=list(FAMILIES), choices=FAMILIES)
    parser.add_argument("--rules", nargs="+", default=list(SERVED), choices=SERVED, help="what the server runs")
    parser.add_argument("--trunks", type=int, default=8)
    parser.add_argument("--longest", type=int, default=192, help="thinking tokens of a trunk")
    parser.add_argument("--every", type=int, default=12, help="thinking tokens between two checkpoints")
    parser.add_argument("--sessions", type=int, default=4, help="at a time")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    main()
