"""How much each part of the serving benchmark measures."""

from dataclasses import dataclass

from harness.measure import Rounds


@dataclass(frozen=True, slots=True)
class Load:
    """So many requests at once, over these rounds."""

    streams: int
    rounds: Rounds


@dataclass(frozen=True, slots=True)
class Sizes:
    """Lengths in tokens and numbers of rounds.

    Attributes:
        throughput: loads of the throughput part.
        throughput_budget: thinking of a request there.
        budget: thinking of the sessions with checkpoints; a multiple of 8.
        answer_tokens: of every final and interim answer.
        checkpoint_rounds: rounds of the checkpoint part.
        streaming: loads of the streaming part.
        streaming_budget: thinking of a stream there.
        server: loads of the part that stands beside vLLM's own server.
        server_budget: thinking of a stream there.
        startup_rounds: server starts, by engine.
        memory_sessions: how many a server must be as large after as it was before.
    """

    throughput: tuple[Load, ...]
    throughput_budget: int
    budget: int
    answer_tokens: int
    checkpoint_rounds: Rounds
    streaming: tuple[Load, ...]
    streaming_budget: int
    server: tuple[Load, ...]
    server_budget: int
    startup_rounds: dict[str, int]
    memory_sessions: int


FULL = Sizes(
    throughput=(Load(1, Rounds(3, 15)), Load(8, Rounds(3, 20)), Load(32, Rounds(3, 30))),
    throughput_budget=112,
    budget=512,
    answer_tokens=8,
    checkpoint_rounds=Rounds(2, 65),
    streaming=(Load(1, Rounds(3, 10)), Load(16, Rounds(3, 20)), Load(64, Rounds(2, 50))),
    streaming_budget=96,
    server=(Load(1, Rounds(3, 30)), Load(16, Rounds(3, 60)), Load(64, Rounds(3, 120))),
    server_budget=512,
    startup_rounds={"transformers": 3, "vllm": 1},
    memory_sessions=2000,
)
GPU = Sizes(
    throughput=(Load(1, Rounds(2)), Load(32, Rounds(3)), Load(256, Rounds(2))),
    throughput_budget=496,
    budget=1024,
    answer_tokens=8,
    checkpoint_rounds=Rounds(1),
    streaming=(Load(1, Rounds(3)), Load(64, Rounds(3)), Load(256, Rounds(3))),
    streaming_budget=480,
    server=(Load(1, Rounds(2)), Load(64, Rounds(2)), Load(256, Rounds(2))),
    server_budget=512,
    startup_rounds={"transformers": 3, "vllm": 1},
    memory_sessions=2000,
)
"""Where there is a GPU: more at once, and longer, in few rounds."""
QUICK = Sizes(
    throughput=(Load(1, Rounds(2)), Load(8, Rounds(2)), Load(32, Rounds(1))),
    throughput_budget=16,
    budget=64,
    answer_tokens=4,
    checkpoint_rounds=Rounds(1),
    streaming=(Load(1, Rounds(2)), Load(16, Rounds(1)), Load(64, Rounds(1))),
    streaming_budget=16,
    server=(Load(16, Rounds(1)),),
    server_budget=64,
    startup_rounds={"transformers": 1, "vllm": 0},
    memory_sessions=200,
)
