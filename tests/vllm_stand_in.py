"""A stand-in for TRL's side of vLLM; as a script, one of two processes of a run: `vllm_stand_in.py RANK FOLDER`."""

import sys
from random import Random
from types import SimpleNamespace

import torch

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
            vllm_client=SimpleNamespace(generate=self.serve),
        )
        self.asked = []

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


def one_of_two(rank, folder):
    """A process of a run: it sends its stems, and gets its own answers."""
    torch.distributed.init_process_group("gloo", init_method=f"file://{folder}/meeting", rank=rank, world_size=2)
    trainer, thinking = Trainer(), stems()[rank : rank + 2]
    answers, _ = VLLMServerSampler(trainer, FORMAT).answer(thinking)
    torch.distributed.destroy_process_group()
    assert answers == expected(thinking)
    assert len(trainer.asked) == (0 if rank else 4)


if __name__ == "__main__":
    one_of_two(int(sys.argv[1]), sys.argv[2])
