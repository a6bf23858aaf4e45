"""What a model knows at every budget, and how it thinks: order, terseness, guessing."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from random import Random
from typing import Any

from anytime_training.problems import tasks
from anytime_training.problems.tasks import Problem
from anytime_training.problems.tasks.manner import FILLERS
from anytime_training.problems.tasks.selection import SelectionProblem
from anytime_training.rollouts.roller import Roller
from study_parts.arms import COUNT

BUDGETS = (0, 12, 24, 36, 48, 60, 72, 84, 96, 128)
PROBLEMS = {"largest": 256, "smallest": 256, "closest": 96, "sums": 96, "outside": 96}
TEMPERATURES = (1.0, 0.6)
SEARCHED = {"largest": 160, "smallest": 160}
EVALUATION_SEED = 77
SAMPLES = 4

_CONSIDERED = re.compile(r"^(?:guess )?(?:now |first )?(\d+(?:[-+*]\d+)?)(?:=| is |\n| [a-z]|$)", re.MULTILINE)


def measure(model: Path, problems: Mapping[str, int], temperatures: Sequence[float]) -> dict[str, Any]:
    """Accuracy by temperature, family and budget on the same fresh problems for every model, and its manner."""
    from transformers import set_seed

    set_seed(EVALUATION_SEED)
    roller = Roller.load(model)
    return {
        str(temperature): {family: _measure(roller, family, n, temperature) for family, n in problems.items()}
        for temperature in temperatures
    }


def _measure(roller: Roller, family: str, count: int, temperature: float) -> dict[str, Any]:
    rng = Random(f"study/{EVALUATION_SEED}/{family}")
    problems = [tasks.sample(rng, family, COUNT) for _ in range(count)]
    chats = [roller.tokenizer.render_chat([{"role": "user", "content": problem.prompt}]) for problem in problems]
    prompts = [roller.tokenizer.encode(chat) for chat in chats]
    trunks = roller.trunks(prompts, BUDGETS[-1], temperature)
    replies = roller.answers_at(prompts, trunks, BUDGETS, temperature, max_tokens=8)
    right = [
        [tasks.verify(problem, roller.text(ids)) for ids in row] for problem, row in zip(problems, replies, strict=True)
    ]
    texts = [roller.text(trunk) for trunk in trunks]
    return {
        "accuracy": {budget: _mean(row[index] for row in right) for index, budget in enumerate(BUDGETS)},
        "length": _mean(map(len, trunks)),
        "answer_tokens": _mean(len(ids) for row in replies for ids in row),
        "manner": _manner(problems, texts, trunks),
        "samples": list(zip([problem.prompt for problem in problems[:SAMPLES]], texts[:SAMPLES], strict=True)),
    }


def _manner(problems: Sequence[Problem], texts: Sequence[str], trunks: Sequence[Sequence[int]]) -> dict[str, float]:
    """Of selection problems: what lines of thinking are spent on, and where the best candidate comes in the order."""
    rows = [
        _manner_of(problem, text, len(trunk))
        for problem, text, trunk in zip(problems, texts, trunks, strict=True)
        if isinstance(problem, SelectionProblem)
    ]
    rows = [row for row in rows if row]
    return {name: _mean(row[name] for row in rows) for name in rows[0]} if rows else {}


def _manner_of(problem: SelectionProblem, text: str, tokens: int) -> dict[str, float]:
    lines = text.splitlines()
    order = list(dict.fromkeys(_CONSIDERED.findall(text)))
    names = [candidate.text for candidate in problem.candidates]
    considered = [name for name in order if name in names]
    if not considered:
        return {}
    best = {candidate.text for candidate in problem.best}
    places = [place for place, name in enumerate(considered) if name in best]
    return {
        "tokens_per_candidate": tokens / len(considered),
        "considered": len(considered) / len(names),
        "best_first": float(considered[0] in best),
        "first_by_chance": len(best) / len(names),
        "place_of_best": (places[0] + 1 if places else len(names)) / len(names),
        "filler_lines": _mean(f"{line}\n" in FILLERS for line in lines),
        "recheck_lines": _mean(line.startswith("check ") for line in lines),
        "verbose_lines": _mean(line.startswith(("now ", "first ")) for line in lines),
        "concludes": float(any(line.startswith("done") for line in lines)),
    }


def _mean(values: Any) -> float:
    known = [float(value) for value in values]
    return sum(known) / len(known) if known else 0.0
