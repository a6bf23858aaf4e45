"""Rollouts of a batch of prompts: think, cut the thinking at every budget, answer at every cut."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from anytime_server.controller import ThinkingFormat
from anytime_server.controller.prompt import render_prompt
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.trees.forks import Stem, plan

Ids = list[int]
Logps = list[float]


class Sampler(Protocol):
    """Samples from the model that is trained, as it is now. Each process calls it with as many prompts as the others.

    The second value that a method returns are the log-probabilities of the tokens, None if the backend doesn't tell.
    """

    def think(self, prompts: list[Ids], group: int) -> tuple[list[Ids], list[Logps] | None]:
        """One trunk a prompt, up to the largest budget; prompts come `group` times in a row."""
        ...

    def answer(self, stems: Sequence[Stem]) -> tuple[list[list[Ids]], list[list[Logps]] | None]:
        """S * A answers of each stem, budget by budget; an answer is empty where the stem can't be answered."""
        ...


@dataclass(frozen=True, slots=True)
class Rollout:
    """A stem with its S * A answers, budget by budget, and log-probabilities, empty where the sampler doesn't tell."""

    stem: Stem
    answers: Sequence[Ids]
    trunk_logps: Logps | tuple[()] = ()
    answer_logps: Sequence[Logps] | tuple[()] = ()


@dataclass(frozen=True, slots=True)
class Rollouts:
    """The rollouts of a batch, and the seconds that their thinking and their answers took."""

    rows: Sequence[Rollout]
    thinking_s: float = 0.0
    answers_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Collector:
    """Rolls out prompts with a sampler, and reads and writes their text."""

    sampler: Sampler
    tokenizer: HFTokenizer
    format: ThinkingFormat
    budgets: Sequence[int]

    @property
    def cue(self) -> str:
        """The text that the answers begin with, which the sampler forces."""
        return self.tokenizer.decode(self.format.cue_ids)

    def prompt_ids(self, prompt: Any) -> Ids:
        """The tokens of a text or of messages, up to where the thinking begins."""
        messages = [{"role": "user", "content": prompt}] if isinstance(prompt, str) else prompt
        return render_prompt(messages, self.tokenizer, self.format)

    def text(self, ids: Sequence[int]) -> str:
        """The text of tokens, without what ends a turn."""
        return self.tokenizer.decode([token for token in ids if token not in self.format.eos_ids])

    def collect(self, prompts: Sequence[Any], group: int) -> Rollouts:
        """One rollout a prompt; prompts (texts or messages) come `group` times in a row."""
        start = time.perf_counter()
        ids = [self.prompt_ids(prompt) for prompt in prompts]
        trunks, trunk_logps = self.sampler.think(ids, group)
        stems = [plan(prompt, trunk, self.budgets, self.format) for prompt, trunk in zip(ids, trunks, strict=True)]
        thought = time.perf_counter()
        answers, answer_logps = self.sampler.answer(stems)
        rows = [
            Rollout(
                stem,
                answers[index],
                trunk_logps[index] if trunk_logps else (),
                answer_logps[index] if answer_logps else (),
            )
            for index, stem in enumerate(stems)
        ]
        return Rollouts(rows, thought - start, time.perf_counter() - thought)
