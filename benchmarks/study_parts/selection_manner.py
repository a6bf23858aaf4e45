"""How a model thinks about selection problems: what lines are spent on, and where the best candidate comes."""

import re

from anytime_training.problems.tasks.manner import FILLERS
from anytime_training.problems.tasks.selection import SelectionProblem
from study_parts.averages import average

_CONSIDERED = re.compile(r"^(?:now |first )?(\d+(?:[-+*]\d+)?)(?:=| is |\n| [a-z]|$)", re.MULTILINE)


def manner_of(problem: SelectionProblem, text: str, tokens: int) -> dict[str, float]:
    """The manner of one thinking of `tokens` tokens; empty if it considers no candidate.

    `best_of_the_rest` is how often a candidate is the best of those not considered yet, in the first half of them.
    """
    lines = text.splitlines()
    order = list(dict.fromkeys(_CONSIDERED.findall(text)))
    names = [candidate.text for candidate in problem.candidates]
    considered = [name for name in order if name in names]
    if not considered:
        return {}
    scores = {candidate.text: problem.rule.score(candidate.value) for candidate in problem.candidates}
    best = {candidate.text for candidate in problem.best}
    places = [place for place, name in enumerate(considered) if name in best]
    return {
        "best_first": float(considered[0] in best),
        "first_by_chance": len(best) / len(names),
        "best_of_the_rest": average(
            scores[name] == max(scores[rest] for rest in names if rest not in considered[:place])
            for place, name in enumerate(considered[: len(names) // 2])
        ),
        "place_of_best": (places[0] + 1 if places else len(names)) / len(names),
        "tokens_per_candidate": tokens / len(considered),
        "considered": len(considered) / len(names),
        "filler_lines": average(f"{line}\n" in FILLERS for line in lines),
        "recheck_lines": average(line.startswith("check ") for line in lines),
        "verbose_lines": average(line.startswith(("now ", "first ")) for line in lines),
        "concludes": float(any(line.startswith("done") for line in lines)),
    }
