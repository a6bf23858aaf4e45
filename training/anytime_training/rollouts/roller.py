"""Rollouts with plain transformers: thinking trunks, and short answers branched off them at budgets."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer, auto_tokenizer
from anytime_server.engines.sampling_defaults import end_ids
from anytime_training.rollouts.branching import Drawn, Sampling, draw_branches
from anytime_training.rollouts.room import Room, batches
from anytime_training.rollouts.stops import Stop
from anytime_training.trees.forks import plan_closed

if TYPE_CHECKING:
    from anytime_training.rollouts.kv_cache import TrunkCache


@dataclass(frozen=True, slots=True)
class Roller:
    """A model with its tokenizer and format. Rollouts are greedy at temperature 0, else sampled.

    At most `batch` of them are computed at a time, and no more than `room` has place for.
    """

    model: Any
    tokenizer: HFTokenizer
    format: ThinkingFormat
    pad_id: int
    batch: int = 128
    room: Room | None = None

    @classmethod
    def load(cls, path: Path) -> "Roller":
        """Load a model from a local folder; it runs on the GPU if there is one."""
        import torch
        from transformers import AutoModelForCausalLM

        from anytime_server.engines.transformers import grouped_attention

        grouped_attention.install()
        hf_tokenizer = auto_tokenizer(path)
        model = AutoModelForCausalLM.from_pretrained(path).eval()
        tokenizer = HFTokenizer(hf_tokenizer, end_ids(model.generation_config.to_diff_dict()))
        model = model.to("cuda" if torch.cuda.is_available() else "cpu")
        pad_id = hf_tokenizer.pad_token_id if hf_tokenizer.pad_token_id is not None else hf_tokenizer.eos_token_id
        return cls(model, tokenizer, ThinkingFormat.resolve(tokenizer), pad_id, room=Room.beside(model))

    def rollouts(
        self,
        prompts: Sequence[list[int]],
        budgets: Sequence[int],
        temperature: float,
        samples: int = 1,
        max_tokens: int = 16,
        done: Callable[[int], None] = lambda count: None,
    ) -> list[tuple[list[int], list[Drawn]]]:
        """The trunk of each prompt, as of `trunks`, and its answers, as of `drawn_at`.

        Answers grow off the cache that thinking left, so that no trunk is computed twice. `done` is told how many more
        prompts are.
        """
        results: dict[int, tuple[list[int], list[Drawn]]] = {}
        most = budgets[-1] + len(self.format.close_ids)
        answers = len(budgets) * (samples * max_tokens + self.format.forced_tokens)
        for chosen in batches(
            [(len(prompt) + most + answers, len(prompt)) for prompt in prompts], self.batch, self.room
        ):
            some = [prompts[index] for index in chosen]
            trunks, cached = self._generate_batch(some, most, temperature, Stop.thinking(self.format))
            replies = self.drawn_at(some, trunks, budgets, temperature, samples, max_tokens, cached)
            results.update(zip(chosen, zip(trunks, replies, strict=True), strict=True))
            done(len(chosen))
        return [results[index] for index in range(len(prompts))]

    def trunks(self, prompts: Sequence[list[int]], budget: int, temperature: float) -> list[list[int]]:
        """Think about each prompt for at most `budget` tokens; a trunk that ended by itself ends with the marker."""
        return self.generate(prompts, budget + len(self.format.close_ids), temperature, Stop.thinking(self.format))

    def answers_at(
        self,
        prompts: Sequence[list[int]],
        trunks: Sequence[list[int]],
        budgets: Sequence[int],
        temperature: float,
        samples: int = 1,
        max_tokens: int = 16,
    ) -> list[list[list[int]]]:
        """As `drawn_at`; the answers' token ids alone."""
        drawn = self.drawn_at(prompts, trunks, budgets, temperature, samples, max_tokens)
        return [[answer.ids for answer in row] for row in drawn]

    def drawn_at(
        self,
        prompts: Sequence[list[int]],
        trunks: Sequence[list[int]],
        budgets: Sequence[int],
        temperature: float,
        samples: int = 1,
        max_tokens: int = 16,
        cached: "TrunkCache | None" = None,
    ) -> list[list[Drawn]]:
        """`samples` short answers of each trunk at each of the increasing `budgets`, budget by budget.

        Thinking that broke off before a budget without its close marker is closed where it broke off. `cached` is what
        generating the trunks left.
        """
        stems = [
            plan_closed(prompt, trunk, budgets, self.format) for prompt, trunk in zip(prompts, trunks, strict=True)
        ]
        return draw_branches(
            self.model,
            stems,
            samples,
            max_tokens,
            Sampling(temperature),
            self.format.eos_ids,
            self.batch,
            cached,
            self.room,
        )

    def answers(
        self,
        prompts: Sequence[list[int]],
        trunks: Sequence[list[int]],
        budget: int,
        temperature: float,
        max_tokens: int = 16,
    ) -> list[str]:
        """The short answers of branches at `budget` thinking tokens, or at the trunk's end if that is earlier."""
        replies = self.answers_at(prompts, trunks, [budget], temperature, max_tokens=max_tokens)
        return [self.text(ids) for [ids] in replies]

    def text(self, ids: Sequence[int]) -> str:
        """The text of an answer, without what ends it."""
        return self.tokenizer.decode([token for token in ids if token not in self.format.eos_ids])

    def generate(
        self, prompts: Sequence[list[int]], max_tokens: int, temperature: float, stop: Stop
    ) -> list[list[int]]:
        """Continue each prompt by at most `max_tokens` tokens, up to and including what stops it."""
        results: dict[int, list[int]] = {}
        for chosen in batches([(len(prompt) + max_tokens, len(prompt)) for prompt in prompts], self.batch, self.room):
            replies, _ = self._generate_batch([prompts[index] for index in chosen], max_tokens, temperature, stop)
            results.update(zip(chosen, replies, strict=True))
        return [results[index] for index in range(len(prompts))]

    def _generate_batch(
        self, prompts: Sequence[list[int]], max_tokens: int, temperature: float, stop: Stop
    ) -> tuple[list[list[int]], "TrunkCache | None"]:
        from anytime_training.rollouts.generation import generate

        greedy = {"do_sample": False, "temperature": None}
        sampled = {"do_sample": True, "temperature": temperature, "top_k": 0, "top_p": 1.0, "min_p": None}
        return generate(
            self.model,
            prompts,
            stop,
            self.pad_id,
            max_new_tokens=max_tokens,
            eos_token_id=list(stop.ids),
            pad_token_id=self.pad_id,
            **(sampled if temperature else greedy),
        )
