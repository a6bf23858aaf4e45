"""A local model folder or Hub id: trunks and branches by the roller."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from anytime_server.controller import Conditions, ThinkingFormat, render_prompt, split_trunk
from anytime_server.engines.choice import EMBEDDED, EMBEDDED_PATH, name_of
from anytime_training.errors import EvaluationError
from anytime_training.evaluation.source import Done, Prompt, Reply, Rollout, Settings, conversation, unheard
from anytime_training.hub import check_model

if TYPE_CHECKING:
    from anytime_server.engines.hf_tokenizer import HFTokenizer
    from anytime_training.rollouts.roller import Roller


@dataclass(frozen=True, slots=True)
class LocalSource:
    """A model in a folder, or on the Hub. It is loaded anew by each call, so that runs do not pile up in memory."""

    model: str

    @property
    def device(self) -> str:
        """See `Source.device`."""
        import torch

        return str(torch.cuda.get_device_name()) if torch.cuda.is_available() else "cpu"

    def check(self, prompts: Sequence[Prompt], settings: Settings) -> None:
        """Refuse what `check_fits` does, and a model whose answers can't be branched off in one row."""
        self.check_fits(prompts, settings)
        from transformers import AutoConfig

        from anytime_training.rollouts.kv_cache import attends_to_all

        if not attends_to_all(AutoConfig.from_pretrained(self.model)):
            raise EvaluationError(
                f"--model {self.model}: not all of its layers attend to all tokens, and answers are branched off by "
                "attention alone here; take --engine vllm, or the URL of a server"
            )

    def check_fits(self, prompts: Sequence[Prompt], settings: Settings) -> None:
        """Refuse what only a server does, a folder without a model, and budgets beyond the context."""
        if settings.trunks > 1:
            raise EvaluationError(
                f"--trunks {settings.trunks}: only a server counts votes; serve the model, and give its URL as --model"
            )
        context = self._context()
        tokenizer, format = self._format()
        if format.tail_search is not None:
            raise EvaluationError(
                f"--model {self.model} ends its thinking by headers, which only a server follows: serve it, and give "
                "its URL"
            )
        longest = max(len(render_prompt(conversation(prompt), tokenizer, format)) for prompt in prompts)
        around = longest + format.forced_tokens + settings.max_answer_tokens
        if context is not None and around + settings.budgets[-1] > context:
            raise EvaluationError(
                f"--budgets {settings.budgets[-1]} is beyond the context of {self.model}: {context} tokens, of which "
                f"the longest prompt, closing, cue and answer take {around}; give at most {max(0, context - around)}"
            )

    def conditions(self, settings: Settings) -> Conditions:
        """See `Source.conditions`; the name is the one that a server gives it."""
        name = EMBEDDED if self.model == str(EMBEDDED_PATH) else name_of(self.model)
        return settings.conditions(name, self._format()[1].markers)

    def rollouts(self, prompts: Sequence[Prompt], settings: Settings, done: Done = unheard) -> list[list[Rollout]]:
        """See `Source.rollouts`."""
        from transformers import set_seed

        from anytime_training.rollouts.roller import Roller

        set_seed(settings.seed)
        try:
            roller = Roller.load(Path(self.model))
        except (OSError, ValueError) as error:
            raise EvaluationError(f"--model {self.model} can't be loaded: {error}") from None
        rendered = [render_prompt(conversation(prompt), roller.tokenizer, roller.format) for prompt in prompts]
        flat = iter(_roll_out(roller, [ids for ids in rendered for _ in range(settings.samples)], settings, done))
        return [[next(flat) for _ in range(settings.samples)] for _ in prompts]

    def _format(self) -> "tuple[HFTokenizer, ThinkingFormat]":
        from anytime_server.engines.hf_tokenizer import HFTokenizer, auto_tokenizer

        try:
            tokenizer = HFTokenizer(auto_tokenizer(self.model))
            return tokenizer, ThinkingFormat.resolve(tokenizer)
        except (OSError, ValueError) as error:
            raise EvaluationError(f"--model {self.model} has no tokenizer that can think: {error}") from None

    def _context(self) -> int | None:
        """The model's longest sequence, if it says."""
        folder = Path(self.model)
        if not folder.is_dir():
            check_model(self.model)
        try:
            if folder.is_dir():
                config = json.loads((folder / "config.json").read_text())
            else:
                from transformers import AutoConfig

                config = AutoConfig.from_pretrained(self.model).to_dict()
        except FileNotFoundError:
            raise EvaluationError(f"--model {self.model} holds no model (no config.json)") from None
        except (OSError, ValueError) as error:
            raise EvaluationError(
                f"--model {self.model} is no folder here, and no model from the Hub: {error}"
            ) from None
        return config.get("max_position_embeddings")  # type: ignore[no-any-return]


def _roll_out(roller: "Roller", prompts: Sequence[list[int]], settings: Settings, done: Done) -> list[Rollout]:
    """The one place that knows the roller's call: a trunk for each prompt, an answer at each budget."""
    rollouts = roller.rollouts(
        prompts, settings.budgets, settings.temperature, max_tokens=settings.max_answer_tokens, done=done
    )
    found = [
        rollout_of(
            trunk,
            [Reply(roller.text(one.ids), len(one.ids), one.probability) for one in replies],
            roller.format,
            settings,
        )
        for trunk, replies in rollouts
    ]
    leaks = _leaks(roller, prompts, [trunk for trunk, _ in rollouts], found, settings)
    return [replace(rollout, leaked=leaks.get(index)) for index, rollout in enumerate(found)]


def _leaks(
    roller: "Roller",
    prompts: Sequence[list[int]],
    trunks: Sequence[list[int]],
    rollouts: Sequence[Rollout],
    settings: Settings,
) -> dict[int, bool]:
    """Whether full answers go on thinking, by the index of the rollouts that `leak_at` cuts."""
    at = settings.leak_at
    cut = [index for index, rollout in enumerate(rollouts) if 0 < at < rollout.length]
    if not cut:
        return {}
    uncued = replace(roller, format=replace(roller.format, cue_ids=()))
    some = [prompts[index] for index in cut], [trunks[index] for index in cut]
    answers = uncued.answers_at(*some, [at], settings.temperature, max_tokens=settings.full_answer_tokens)
    return {
        index: goes_on_thinking(ids, roller.tokenizer.decode(ids), roller.format, settings)
        for index, [ids] in zip(cut, answers, strict=True)
    }


def goes_on_thinking(ids: Sequence[int], text: str, format: ThinkingFormat, settings: Settings) -> bool:
    """Whether a full answer spells a thinking marker, or has not ended within the tokens that it may have."""
    ended = bool(ids) and ids[-1] in format.eos_ids
    unended = not ended and len(ids) >= settings.full_answer_tokens
    return unended or format.markers.open in text or format.markers.close in text


def rollout_of(trunk: Sequence[int], replies: Sequence[Reply], format: ThinkingFormat, settings: Settings) -> Rollout:
    """A trunk that may run past the largest budget by what a close marker would have taken, and its answers."""
    thinking, ended = split_trunk(trunk, format)
    broken = bool(trunk) and trunk[-1] in format.eos_ids
    length, largest = len(thinking) - broken, settings.budgets[-1]
    return Rollout(min(length, largest), (ended or broken) and length < largest, tuple(replies))
