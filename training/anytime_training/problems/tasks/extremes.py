"""The selection families `largest` and `smallest`: prompts by keyword, values compared directly."""

import re
from dataclasses import dataclass
from random import Random

from anytime_training.problems.tasks.expressions import sample_distinct
from anytime_training.problems.tasks.phrasing import cased, courteous, keyword_pattern
from anytime_training.problems.tasks.selection import Rule, SelectionProblem, parse_candidates, write_candidates


@dataclass(frozen=True, slots=True)
class Extreme:
    """A family that looks for the top of the candidates; `keywords` are the words that ask for it."""

    rule: Rule
    keywords: tuple[str, ...]

    @property
    def name(self) -> str:
        """The family's name."""
        return self.rule.family

    @property
    def pattern(self) -> re.Pattern[str]:
        """What a prompt of this family looks like; its group `items` holds the candidates."""
        return keyword_pattern(self.keywords)

    def sample(self, rng: Random, count: tuple[int, int]) -> SelectionProblem:
        """Draw a problem with `count[0]` to `count[1]` candidates."""
        candidates = sample_distinct(rng, rng.randint(*count))
        items = write_candidates(rng, candidates)
        keyword = rng.choice(self.keywords) if rng.random() < 0.5 else self.keywords[0]
        line = rng.choices(
            [
                f"{keyword} of {items}",
                f"which is {keyword}: {items}",
                f"which is the {keyword}: {items}",
                f"which is {keyword}, {items}",
                f"what is the {keyword} of {items}",
                f"{keyword}: {items}",
                f"the {keyword} of {items}",
                f"find the {keyword} of {items}",
                f"{keyword} {items}",
            ],
            [40, 10, 6, 6, 10, 8, 6, 6, 8],
        )[0]
        return SelectionProblem(cased(rng, courteous(rng, line)), tuple(candidates), self.rule)

    def parse(self, line: str) -> SelectionProblem | None:
        """Read `largest of 37+48, 9*8`, `which is largest: ...` and the like."""
        match = self.pattern.fullmatch(line.strip())
        candidates = parse_candidates(match["items"]) if match else None
        return SelectionProblem(line, candidates, self.rule) if candidates else None
