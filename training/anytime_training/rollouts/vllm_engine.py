"""Rollouts with vLLM inside the training processes: TRL's colocate mode."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from math import nan
from typing import Any

from anytime_server.controller import ThinkingFormat
from anytime_training.rollouts.stops import Stop
from anytime_training.trees.forks import Stem

Ids = list[int]
Logps = list[float]


class VLLMSampler:
    """Samples thinking and answers as `trainer.args` says.

    Answers are requests of their own, one a cut, for all its answers at once; their trunk is in the prefix cache,
    unless TRL's sleep mode empties it between the two.
    """

    def __init__(self, trainer: Any, format: ThinkingFormat) -> None:
        self._trainer, self._args, self._format = trainer, trainer.args, format

    def think(self, prompts: list[Ids], group: int) -> tuple[list[Ids], list[Logps]]:
        """See `Sampler`."""
        stop = Stop.thinking(self._format)
        with self._limits(self._args.budgets[-1], Stop.single_tokens(self._format), self._format.markers.close):
            trunks, logps = self._trainer._generate_single_turn(prompts, None, {}, group)
        thought = [stop.until(list(trunk)) for trunk in trunks]
        return thought, [row[: len(trunk)] for row, trunk in zip(told(logps), thought, strict=True)]

    def answer(self, stems: Sequence[Stem]) -> tuple[list[list[Ids]], list[list[Logps]]]:
        """See `Sampler`."""
        A = self._args.interim_samples
        together = self._args.vllm_tensor_parallel_size > 1
        n = 1 if together else A  # TRL deals out the replies of processes that share an engine one a prompt
        asked = asks(stems, together)
        prompts = [stems[row].prompt_of(index) or list(stems[row].prompt_ids) for row, index in asked]
        with self._limits(self._args.interim_max_tokens, list(self._format.eos_ids), n=n):
            ids, logps = self._trainer._generate_single_turn([p for p in prompts for _ in range(A // n)], None, {}, A)
        return dealt(stems, asked, ids, told(logps), A)

    @contextmanager
    def _limits(self, max_tokens: int, stop_ids: Ids, stop_text: str | None = None, n: int = 1) -> Iterator[None]:
        """Generate `n` replies a prompt of at most `max_tokens` tokens, up to one of `stop_ids` or the text."""
        vllm = self._trainer.vllm_generation
        before = vllm.max_completion_length, vllm.generation_kwargs
        vllm.max_completion_length = max_tokens
        # vLLM looks for it in the text that it decodes, and by itself it decodes no special tokens.
        told_by = {"stop": [stop_text], "include_stop_str_in_output": True, "skip_special_tokens": False}
        text = told_by if stop_text else {}
        more = {"n": n} if n > 1 else {}
        vllm.generation_kwargs = {**vllm.generation_kwargs, "stop_token_ids": stop_ids, **text, **more}
        try:
            yield
        finally:
            vllm.max_completion_length, vllm.generation_kwargs = before


def asks(stems: Sequence[Stem], every: bool = False) -> list[tuple[int, int]]:
    """(row, budget) of what is asked for: what can be answered, or `every` budget, for processes that ask together."""
    return [
        (row, index)
        for row, stem in enumerate(stems)
        for index, cut in enumerate(stem.truncation)
        if every or stem.forks[cut]
    ]


def dealt(
    stems: Sequence[Stem], asked: Sequence[tuple[int, int]], ids: Sequence[Ids], logps: Sequence[Logps], samples: int
) -> tuple[list[list[Ids]], list[list[Logps]]]:
    """Replies, `samples` of each ask in a row, as answers of each stem, empty where it can't be answered."""
    answers: list[list[Ids]] = [[[] for _ in stem.truncation for _ in range(samples)] for stem in stems]
    answer_logps: list[list[Logps]] = [[[] for _ in row] for row in answers]
    for place, (row, index) in enumerate(asked):
        if stems[row].forks[stems[row].truncation[index]] is None:
            continue
        for sample in range(samples):
            slot, reply = index * samples + sample, place * samples + sample
            answers[row][slot], answer_logps[row][slot] = list(ids[reply]), logps[reply]
    return answers, answer_logps


def told(logps: Sequence[Sequence[float | None]]) -> list[Logps]:
    """Log-probabilities as TRL hands them on, NaN where vLLM gave none: TRL makes None of its NaN."""
    return [[nan if logp is None else logp for logp in row] for row in logps]


@contextmanager
def sequences(least: int) -> Iterator[None]:
    """Let the vLLM that a TRL trainer starts generate `least` sequences at a time, if TRL would allow it fewer.

    TRL's own number is that of the rollouts of a batch, and it has no setting for it.
    """
    from trl.generation.vllm_generation import VLLMGeneration

    start = VLLMGeneration._init_vllm

    def start_roomier(generation: Any) -> None:
        generation.max_num_seqs = max(generation.max_num_seqs or 0, least)
        start(generation)

    VLLMGeneration._init_vllm = start_roomier
    try:
        yield
    finally:
        VLLMGeneration._init_vllm = start
