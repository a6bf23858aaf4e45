"""The family `closest`: which of these is closest to a number?"""

from dataclasses import dataclass
from random import Random

from anytime_training.problems.tasks.expressions import MAX_NUMBER, sample_distinct
from anytime_training.problems.tasks.phrasing import cased, courteous, keyword_pattern
from anytime_training.problems.tasks.selection import Rule, SelectionProblem, parse_candidates, write_candidates

KEYWORDS = ("closest", "nearest")
PATTERN = keyword_pattern(KEYWORDS, after=r"\s+to\s+(?P<target>\d{1,3})")


def rule(target: int) -> Rule:
    """The rule for being close to `target`."""
    return Rule("closest", better="closer", worse="farther", claim=f"closest to {target}", sign=-1, target=target)


@dataclass(frozen=True, slots=True)
class Closest:
    """The family; its answer is the value, `72` for `closest to 70: 37+48, 9*8`."""

    name: str = "closest"

    def sample(self, rng: Random, count: tuple[int, int]) -> SelectionProblem:
        """Draw a problem with `count[0]` to `count[1]` candidates and one right answer."""
        while True:
            candidates = sample_distinct(rng, rng.randint(*count))
            target = rng.choice([rng.randint(1, 99), rng.randint(1, 19) * 10])
            items = write_candidates(rng, candidates)
            keyword = rng.choices(KEYWORDS, [70, 30])[0]
            line = rng.choices(
                [
                    f"{keyword} to {target}: {items}",
                    f"which is {keyword} to {target}: {items}",
                    f"which is the {keyword} to {target}: {items}",
                    f"what is {keyword} to {target}: {items}",
                    f"{keyword} to {target} of {items}",
                    f"find the {keyword} to {target} among {items}",
                    f"{keyword} to {target}, {items}",
                ],
                [35, 25, 8, 8, 8, 8, 8],
            )[0]
            problem = SelectionProblem(cased(rng, courteous(rng, line)), tuple(candidates), rule(target))
            if len(problem.answers) == 1:
                return problem

    def parse(self, line: str) -> SelectionProblem | None:
        """Read `which is closest to 50: 37+48, 9*8` and the like."""
        match = PATTERN.fullmatch(line.strip())
        if match is None or int(match["target"]) > MAX_NUMBER:
            return None
        candidates = parse_candidates(match["items"])
        return SelectionProblem(line, candidates, rule(int(match["target"]))) if candidates else None


CLOSEST = Closest()
