"""How a model thinks about countdown: how soon it tries a right expression, and what a trial costs."""

import re

from anytime_training.problems.tasks.countdown import CountdownProblem
from anytime_training.problems.tasks.trials import read_trial
from study_parts.averages import average

_TRIED = re.compile(r"^(?:now |first )?([\d+\-*/()]+)(?:=[\d+\-*/]+)??(?:=| is )(\d+)( done)?$", re.MULTILINE)


def manner_of(problem: CountdownProblem, text: str, tokens: int) -> dict[str, float]:
    """The manner of one thinking of `tokens` tokens; empty if it tries nothing."""
    tried = _TRIED.findall(text)
    if not tried:
        return {}
    right = [problem.accepts(expression) for expression, _, _ in tried]
    return {
        "right_first": float(right[0]),
        "right_by_chance": len(problem.hits) / len(problem.trials),
        "finds": float(any(right)),
        "trials": len(tried),
        "tokens_per_trial": tokens / len(tried),
        "repeated": 1 - len({expression for expression, _, _ in tried}) / len(tried),
        "wrong_values": average(_is_wrong(expression, value) for expression, value, _ in tried),
        "stops_wrongly": average(not good for good, (_, _, done) in zip(right, tried, strict=True) if done),
    }


def _is_wrong(expression: str, value: str) -> bool:
    reading = read_trial(expression)
    return reading is None or reading[0] != int(value)
