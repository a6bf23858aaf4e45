"""Rollouts with a vLLM server: the main process sends each rollout's cuts, and no process holds the others' prompts.

TRL would give every process all prompts of all processes, one an answer: 512 rollouts of 8,000 tokens, cut four times
and answered four times each, are 40 million token ids. Here each rollout goes to the main process once, which asks
for all answers at a cut by one prompt. If it gets none, or fails as it offers the server new weights, the others end
with what it failed of: they would wait forever.
Imports torch: import it where it is used.
"""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, nullcontext
from typing import Any, NoReturn

import torch.distributed

from anytime_training.errors import RolloutError
from anytime_training.rollouts.vllm_engine import Ids, Logps, VLLMSampler, asks, dealt, told
from anytime_training.trees.forks import Stem

AT_ONCE = 64
"""Requests that the main process has open at the server; each holds the cuts of a rollout."""

Answers = tuple[list[list[Ids]], list[list[Logps]]]


class VLLMServerSampler(VLLMSampler):
    """Samples as `VLLMSampler`, on the server that TRL keeps the weights of up to date."""

    def think(self, prompts: list[Ids], group: int) -> tuple[list[Ids], list[Logps]]:
        """See `Sampler`."""
        if not torch.distributed.is_initialized():
            return super().think(prompts, group)
        with _telling(self._trainer.vllm_generation):
            return super().think(prompts, group)

    def answer(self, stems: Sequence[Stem]) -> Answers:
        """See `Sampler`."""
        with self._limits(self._args.interim_max_tokens, list(self._format.eos_ids)):
            mine = _gathered(stems)
            if mine is None:
                return _scattered(None)
            try:
                with ThreadPoolExecutor(AT_ONCE) as requests:
                    parts = list(requests.map(self._answer_one, [stem for part in mine for stem in part]))
            except Exception as error:
                _scattered([None, *[Failure(error)] * (len(mine) - 1)])
                raise
        ends = iter(parts)
        answers = [[next(ends) for _ in part] for part in mine]
        return _scattered([([ids for ids, _ in part], [logps for _, logps in part]) for part in answers])

    def _answer_one(self, stem: Stem) -> tuple[list[Ids], list[Logps]]:
        asked = asks([stem])
        if not asked:
            nothing: list[Any] = [[]] * (len(stem.truncation) * self._args.interim_samples)
            return nothing, nothing
        vllm = self._trainer.vllm_generation
        output = vllm.vllm_client.generate(
            prompts=[stem.prompt_of(index) for _, index in asked],
            n=self._args.interim_samples,
            repetition_penalty=vllm.repetition_penalty,
            temperature=vllm.temperature,
            top_p=vllm.top_p,
            top_k=vllm.top_k,
            min_p=vllm.min_p or 0.0,
            max_tokens=vllm.max_completion_length,
            logprobs=vllm.logprobs,
            generation_kwargs=vllm.generation_kwargs,
        )
        logps = told([[best[0] for best in reply] for reply in output["logprobs"]])
        (ids,), (found,) = dealt([stem], asked, output["completion_ids"], logps, self._args.interim_samples)
        return ids, found


@contextmanager
def _telling(vllm: Any) -> Iterator[None]:
    """Let all processes hear what the main one fails of while it speaks to the server in the place of TRL's `vllm`."""
    client, sync = getattr(vllm, "vllm_client", None), vllm.sync_weights

    def sync_or_tell() -> None:
        failed: Exception | None = None
        try:
            sync()
        except Exception as error:
            if torch.distributed.get_rank() != 0:  # its process ends; the others don't wait for a word of it
                raise
            failed = error
        torch.distributed.broadcast_object_list([failed and Failure(failed)])
        if failed is not None:
            raise failed

    vllm.sync_weights = sync_or_tell
    try:
        with _of_client(client) if client is not None else nullcontext():
            yield
    finally:
        vllm.sync_weights = sync


@contextmanager
def _of_client(client: Any) -> Iterator[None]:
    """What the client of the main process fails of, told where TRL has the others wait."""
    generate, update = client.generate, client.update_named_params

    def generate_or_tell(**asked: Any) -> Any:
        try:
            return generate(**asked)
        except Exception as error:
            torch.distributed.broadcast_object_list([Failure(error)])
            raise

    def update_or_go_on(metadata: Any, weights: Iterator[Any]) -> None:
        try:
            update(metadata, weights)
        except Exception:
            for _ in weights:  # the others gather them with this process, where they are sharded
                pass
            raise

    client.generate, client.update_named_params = generate_or_tell, update_or_go_on
    try:
        yield
    finally:
        client.generate, client.update_named_params = generate, update


def _gathered(stems: Sequence[Stem]) -> list[Sequence[Stem]] | None:
    """The stems of every process, in the main one; None in the others."""
    if not torch.distributed.is_initialized():
        return [stems]
    main = torch.distributed.get_rank() == 0
    parts: list[Any] | None = [None] * torch.distributed.get_world_size() if main else None
    torch.distributed.gather_object(list(stems), parts)
    return parts


def _scattered(parts: list[Any] | None) -> Answers:
    """What the main process has for this one.

    Raises:
        RolloutError: if that is a `Failure`.
    """
    if not torch.distributed.is_initialized():
        assert parts is not None, "a single process is the main one"
        mine = parts[:1]
    else:
        mine = [None]
        torch.distributed.scatter_object_list(mine, parts)
    answers: Answers = mine[0]
    return answers


class Failure:
    """What the main process failed of. It is raised in each process that it is sent to, as it arrives there."""

    def __init__(self, error: Exception) -> None:
        self._text = f"the main process failed in a rollout: {type(error).__name__}: {error}"

    def __reduce__(self) -> tuple[Any, tuple[str]]:
        return _fail, (self._text,)


def _fail(text: str) -> NoReturn:
    raise RolloutError(text)
