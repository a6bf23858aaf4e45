"""SFT rows: a problem thought about once, answered at its end and at random cuts."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from random import Random
from typing import TYPE_CHECKING, Any

from anytime_server.controller import ThinkingFormat, branch, close
from anytime_training.problems import tasks
from anytime_training.problems.tasks import Finding, Problem
from anytime_training.problems.tasks.style import STYLE, Style
from anytime_training.sft.recipe import LossWeights, Rows
from anytime_training.trees.row import TreeRow

if TYPE_CHECKING:
    from anytime_server.controller import Tokenizer


Weighted = tuple[list[int], list[float]]
"""Token ids, and the weight of the loss of each."""


JSON_KEYS = ("answer", "value", "result", "number", "best", "x")


def json_answer(value: str, rng: Random) -> str:
    """A value as a JSON object of one key: a number where it is one, at times a string."""
    is_text = not value.isdecimal() or rng.random() < 0.3
    separators = rng.choice([(",", ":"), (", ", ": ")])
    return json.dumps({rng.choice(JSON_KEYS): value if is_text else int(value)}, separators=separators)


@dataclass(frozen=True, slots=True)
class Thought:
    """One way of thinking about a problem, as tokens: `found` holds what is known from which length on."""

    ids: list[int]
    weights: list[float]
    found: list[tuple[int, Finding]]

    def known_at(self, length: int) -> Finding:
        """What is known after `length` tokens of thinking."""
        return [finding for since, finding in self.found if since <= length][-1]


@dataclass(frozen=True)
class RowWriter:
    """Writes training rows with a model's tokenizer, format and a recipe's settings."""

    tokenizer: "Tokenizer"
    format: ThinkingFormat
    rows: Rows

    def __reduce__(self) -> tuple[Any, ...]:
        """Go to another process without what was encoded so far."""
        return RowWriter, (self.tokenizer, self.format, self.rows)

    @cached_property
    def _encode(self):  # type: ignore[no-untyped-def]  # lru_cache keeps the signature to itself
        return lru_cache(maxsize=100_000)(lambda text: tuple(self.tokenizer.encode(text)))

    def write(self, problem: Problem, rng: Random, weights: LossWeights, style: Style = STYLE) -> TreeRow:
        """Write the trunk with its full answer, a short answer at its end, and the random-cut answers."""
        row = TreeRow()
        prompt_ids = self._prompt_ids(problem, rng, style)
        thought = self.think(problem, rng, weights, style)
        trunk_ids = [*thought.ids, *self.format.close_ids]
        last = thought.known_at(len(thought.ids))
        row.extend(prompt_ids, [0.0] * len(prompt_ids))
        row.extend(trunk_ids, [*thought.weights, *[weights.end] * len(self.format.close_ids)])
        row.extend(*self._full(last, weights, rng, complete=True))
        ended = branch((), trunk_ids, len(trunk_ids), self.format)
        self._fork(row, len(prompt_ids) + len(thought.ids), ended[len(thought.ids) :], self._short(last, weights, rng))
        for _ in range(self.rows.cuts):
            at = 0 if rng.random() < self.rows.uncut_share else rng.randint(0, len(thought.ids) - 1)
            known = self._said_at_cut(problem, thought.known_at(at), rng)
            forced = close(thought.ids[:at], self.format)[at:]
            if rng.random() < self.rows.full_share:
                answer = self._full(known, weights, rng, complete=False)
            else:
                says_none = rng.random() < self.rows.none_share
                answer = self._answer(f" {tasks.NONE}", weights) if says_none else self._short(known, weights, rng)
                forced = [*forced, *self.format.cue_ids]
            self._fork(row, len(prompt_ids) + at, forced, answer)
        return row

    def _said_at_cut(self, problem: Problem, known: Finding, rng: Random) -> Finding:
        """What a cut thought is answered with: the best so far, or, if that is another, a guess at the end."""
        guesses = rng.random() < self.rows.guess_share and not problem.accepts(known.value)
        return problem.guess() if guesses else known

    def think(self, problem: Problem, rng: Random, weights: LossWeights, style: Style = STYLE) -> Thought:
        """Sample a way of thinking; before anything is worked out, the problem's guess is what is known."""
        thought = Thought([], [], [(0, problem.guess())])
        for piece in problem.think(rng, style):
            ids = self._encode(piece.text)
            thought.ids.extend(ids)
            thought.weights.extend([getattr(weights, piece.kind.value)] * len(ids))
            if piece.finding is not None:
                thought.found.append((len(thought.ids), piece.finding))
        return thought

    def _prompt_ids(self, problem: Problem, rng: Random, style: Style) -> list[int]:
        messages = [{"role": "user", "content": problem.prompt}]
        if rng.random() < self.rows.history:
            earlier = tasks.sample(rng, rng.choice(tasks.TAUGHT).name, (2, 3))
            pieces = earlier.think(rng, Style(named=style.named))
            answer = [piece.finding for piece in pieces if piece.finding][-1].full(complete=True)
            turn = [{"role": "user", "content": earlier.prompt}, {"role": "assistant", "content": answer}]
            messages = [*turn, *messages]
        return self.tokenizer.encode(self.tokenizer.render_chat(messages))

    def _fork(self, row: TreeRow, reach: int, forced: Sequence[int], answer: Weighted) -> None:
        """A branch: tokens that are forced, so they are no targets, and an answer."""
        row.fork(reach, [*forced, *answer[0]], [0.0] * len(forced) + answer[1])

    def _full(self, found: Finding, weights: LossWeights, rng: Random, complete: bool) -> Weighted:
        return self._json(found, weights, rng) or self._answer(found.full(complete), weights)

    def _short(self, found: Finding, weights: LossWeights, rng: Random) -> Weighted:
        return self._json(found, weights, rng) or self._answer(found.short(), weights)

    def _json(self, found: Finding, weights: LossWeights, rng: Random) -> Weighted | None:
        """At times, a JSON object; its first token is no target, since only who asks for JSON should get it."""
        if rng.random() >= self.rows.json_share:
            return None
        ids, token_weights = self._answer(json_answer(found.value, rng), weights)
        return ids, [0.0, *token_weights[1:]]

    def _answer(self, text: str, weights: LossWeights) -> Weighted:
        ids = [*self._encode(text), self.format.eos_ids[0]]
        return ids, [weights.answer] * len(ids)
