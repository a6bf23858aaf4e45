"""A stand-in for TRL's side of vLLM; as a script, one of two processes of a run.

`vllm_stand_in.py RANK FOLDER [FAILING STEP]`
"""

import sys
from random import Random
from types import SimpleNamespace

import torch

from anytime_training.errors import RolloutError
from anytime_training.rollouts.vllm_server import VLLMServerSampler
from tiny_rollouts import BUDGETS, EOS, FORMAT, stem

A = 2


def reply(prompt, sample):
    """What the stand-in says to a prompt: how long it is, then which sample it is."""
    return [10 + len(prompt) % 20, 8 + sample, EOS]


class Trainer:
    """As far as a sampler looks at TRL's trainer and its colocated vLLM; every second token has no log-probability."""

    def __init__(self, processes=1):
        self.args = SimpleNamespace(
            budgets=BUDGETS, interim_samples=A, interim_max_tokens=5, vllm_tensor_parallel_size=processes
        )
        self.vllm_generation = SimpleNamespace(
            max_completion_length=99,
            generation_kwargs={"seed": 3},
            repetition_penalty=1.0,
            temperature=0.5,
            top_p=1.0,
            top_k=0,
            min_p=None,
            logprobs=0,
            sync_weights=self.sync,
            vllm_client=SimpleNamespace(generate=self.serve, update_named_params=self.update),
        )
        self.asked, self.sent = [], []

    def sync(self):
        """Where vLLM is not a server that several processes share, there is nothing to look at."""

    def update(self, metadata, weights):
        self.sent.extend(weights)

    def _generate_single_turn(self, prompts, images, fields, group):
        limits = dict(self.vllm_generation.generation_kwargs)
        self.asked.append((prompts, self.vllm_generation.max_completion_length, limits))
        ids = [reply(prompt, sample) for prompt in prompts for sample in range(limits.get("n", 1))]
        return ids, [[-0.5, None, -0.25] for _ in ids]

    def serve(self, prompts, n, max_tokens, generation_kwargs, temperature, **settings):
        self.asked.append((prompts, max_tokens, {**generation_kwargs, "n": n, "temperature": temperature}))
        ids = [reply(prompt, sample) for prompt in prompts for sample in range(n)]
        return {"completion_ids": ids, "logprobs": [[[-0.5], [None], [-0.25]] for _ in ids]}


def stems():
    return [stem(Random(index), ending, 5) for index, ending in enumerate(("cut", "marker", "eos"))]


def expected(thinking):
    return [
        [reply(prompt, sample) if (prompt := one.prompt_of(index)) else [] for index in range(3) for sample in range(A)]
        for one in thinking
    ]


class Shared(Trainer):
    """As one of two processes sees it: as TRL does, the main one asks the server, and the others wait for its word."""

    def __init__(self, rank):
        super().__init__()
        self._rank = rank
        if rank:
            del self.vllm_generation.vllm_client

    def sync(self):
        if self._rank:
            assert list(self.weights()) == [0, 1, 2]
        else:
            self.vllm_generation.vllm_client.update_named_params([], self.weights())

    def weights(self):
        """As those of a sharded model: all processes must be there to gather each."""
        for weight in range(3):
            torch.distributed.barrier()
            yield weight

    def _generate_single_turn(self, prompts, images, fields, group):
        vllm = self.vllm_generation
        vllm.sync_weights()
        limits = {"n": 1, "max_tokens": 5, "generation_kwargs": {}, "temperature": 0.5}
        told = [None if self._rank else vllm.vllm_client.generate(prompts=prompts, **limits)]
        torch.distributed.broadcast_object_list(told)
        return told[0]["completion_ids"], [[-0.5, None, -0.25] for _ in prompts]


def one_of_two(rank):
    """A process of a run: it sends its stems, and gets its own answers."""
    trainer, thinking = Shared(rank), stems()[rank : rank + 2]
    sampler = VLLMServerSampler(trainer, FORMAT)
    trunks, _ = sampler.think([[9, 9]], 1)
    assert trunks == [reply([9, 9], 0)]
    assert trainer.sent == ([] if rank else [0, 1, 2])
    asked = len(trainer.asked)
    answers, _ = sampler.answer(thinking)
    assert answers == expected(thinking)
    assert len(trainer.asked) - asked == (0 if rank else 4)


def one_of_two_without_a_server(rank, step):
    """A process of a run in which the main one fails: it ends with that, whichever it is."""
    trainer = Shared(rank)
    sampler = VLLMServerSampler(trainer, FORMAT)
    if not rank and step == "sync":
        trainer.vllm_generation.vllm_client.update_named_params = lambda metadata, weights: next(weights) / 0
    elif not rank:
        trainer.vllm_generation.vllm_client.generate = lambda **asked: 1 / 0
    try:
        sampler.answer(stems()) if step == "answer" else sampler.think([[9, 9]], 1)
    except (RolloutError, ZeroDivisionError) as error:
        wanted = "the main process failed in a rollout: ZeroDivisionError: division by zero"
        assert str(error) == (wanted if rank else "division by zero")
    else:
        raise AssertionError("nothing failed")


def one_of_two_of_which_the_other_fails(rank):
    """A process of a run whose other process fails as it gathers the weights."""
    trainer = Shared(rank)
    if rank:
        trainer.vllm_generation.sync_weights = lambda: 1 / 0
    VLLMServerSampler(trainer, FORMAT).think([[9, 9]], 1)


if __name__ == "__main__":
    rank, folder, *failing = sys.argv[1:]
    meeting = {"init_method": f"file://{folder}/meeting", "rank": int(rank), "world_size": 2}
    torch.distributed.init_process_group("gloo", **meeting)
    if failing == ["other"]:
        one_of_two_of_which_the_other_fails(int(rank))
    elif failing:
        one_of_two_without_a_server(int(rank), *failing)
    else:
        one_of_two(int(rank))
    torch.distributed.destroy_process_group()
