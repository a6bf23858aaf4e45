"""A random two-layer model over a few tokens, and rollouts in its words: what packing and sampling are tested on."""

from random import Random

import torch
from transformers import Qwen3Config, Qwen3ForCausalLM

from anytime_server.controller import ThinkingFormat, ThinkingMarkers
from anytime_training.trees.forks import Stem, plan
from anytime_training.trees.packing import Scored

VOCAB, EOS, CLOSE = 32, 1, 2


class Letters:
    """A token per letter, from @ on."""

    eos_ids = (EOS,)
    vocab_size = VOCAB
    vocabulary = tuple(bytes([64 + token]) for token in range(VOCAB))

    def encode(self, text: str) -> list[int]:
        return [ord(letter) - 64 for letter in text]

    def decode(self, ids: list[int]) -> str:
        return "".join(chr(64 + token) for token in ids)


OPEN = 3
MARKERS = ThinkingMarkers(open="C", close="B", opening="", closing="DE", cue="FG")
FORMAT = ThinkingFormat.from_markers(Letters(), MARKERS)
BUDGETS = [4, 8, 12]
WORDS = range(8, VOCAB)
ENDINGS = ("cut", "marker", "eos")
GRADIENT = 2e-5
"""Qwen3's norms compute in float32 whatever the model's dtype: gradients summed in another order differ by so much."""


def tiny_lm(seed: int = 0, dtype: torch.dtype = torch.float64, attention: str = "sdpa") -> Qwen3ForCausalLM:
    torch.manual_seed(seed)
    config = Qwen3Config(
        vocab_size=VOCAB,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        head_dim=16,
        max_position_embeddings=256,
        initializer_range=0.3,
        attn_implementation=attention,
    )
    return Qwen3ForCausalLM(config).to(dtype).eval()


def words(rng: Random, length: int) -> list[int]:
    return [rng.choice(WORDS) for _ in range(length)]


def stem(rng: Random, ending: str, length: int, budgets: list[int] = BUDGETS) -> Stem:
    """Thinking of `length` tokens that the largest budget has cut, a close marker ended, or an end of turn broke."""
    tails = {"cut": words(rng, budgets[-1] - length), "marker": [CLOSE], "eos": [EOS]}
    return plan(words(rng, rng.randint(1, 6)), [*words(rng, length), *tails[ending]], budgets, FORMAT)


def scored(rng: Random, ending: str, length: int, samples: int = 2, logps: bool = False) -> Scored:
    """A rollout with answers and advantages; some are alike, some have no advantage."""
    thinking = stem(rng, ending, length)
    few = [words(rng, rng.randint(1, 3)) for _ in range(2)]
    slots = range(len(BUDGETS) * samples)
    answers = [rng.choice([*few, words(rng, 2)]) if thinking.prompt_of(slot // samples) else [] for slot in slots]
    return Scored(
        thinking,
        BUDGETS,
        answers,
        [rng.choice([0.0, 0.5, -1.0]) for _ in BUDGETS],
        [rng.choice([0.0, 0.25, -0.75]) if answer else 0.0 for answer in answers],
        [-rng.random() for _ in thinking.trunk_ids] if logps else (),
        [[-rng.random() for _ in answer] for answer in answers] if logps else (),
    )


def rollouts(seed: int, count: int = 5, **options: int) -> list[Scored]:
    rng = Random(seed)
    return [scored(rng, ENDINGS[index % 3], rng.randint(0, 11), **options) for index in range(count)]


def logps_of(model: Qwen3ForCausalLM, ids: list[int]) -> torch.Tensor:
    """The log-probability of each token but the first, of one plain sequence."""
    logits = model(torch.tensor([ids])).logits[0, :-1]
    return logits.log_softmax(-1).gather(-1, torch.tensor(ids[1:]).unsqueeze(-1)).squeeze(-1)
