"""How vLLM draws for a seed: by position on its V2 model runner, by a stream per request on V1."""

from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from anytime_server.engines import EngineRequest, Sampling

if TYPE_CHECKING:
    from anytime_server.engines.vllm.engine import VLLMEngine

HOT = Sampling(temperature=2.0, seed=5)
"""As hot as vLLM allows: with random weights, what is drawn is the noise."""

GPU = Path(find_spec("vllm").origin).parent / "v1/worker/gpu"


async def drawn(engine: "VLLMEngine", request: EngineRequest) -> list[int]:
    return [token async for chunk in engine.generate(request) for token in chunk.token_ids]


async def test_a_resumed_request_does_not_draw_the_noise_of_the_first_again(engine: "VLLMEngine") -> None:
    whole = EngineRequest("whole", tuple(engine.tokenizer.encode("hello")), 16, HOT)
    tokens = await drawn(engine, whole)
    assert tokens == await drawn(engine, replace(whole, request_id="again"))
    rest = replace(whole, request_id="rest", prompt_ids=(*whole.prompt_ids, *tokens[:6]), max_tokens=10)
    resumed = await drawn(engine, rest)
    assert resumed == await drawn(engine, replace(rest, request_id="rest-again"))
    assert resumed[:4] != tokens[:4]


@pytest.mark.parametrize(("by_position", "seeds"), [(True, {5}), (False, None)])
def test_a_seed_is_left_alone_where_draws_go_by_position(
    engine: "VLLMEngine", monkeypatch: pytest.MonkeyPatch, by_position: bool, seeds: set[int] | None
) -> None:
    monkeypatch.setattr(engine, "_draws_by_position", by_position)
    request = EngineRequest("first", (1, 2), 4, HOT)
    sent = {engine._params(replace(request, prompt_ids=(1,) * length), 0).seed for length in (2, 3, 4)}
    assert sent == seeds if seeds else len(sent) == 3


def test_the_largest_seed_of_the_last_sample_is_one_that_vllm_takes(
    engine: "VLLMEngine", monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "_draws_by_position", True)
    request = EngineRequest("large", (1, 2), 4, Sampling(seed=2**63 - 1))
    assert engine._params(request, 5).seed == 4


@pytest.mark.parametrize(
    ("file", "text"),
    [
        # The noise of a token follows from the seed, the position and the token, and nothing else.
        ("sample/gumbel.py", "u = murmur3_uniform32(seed, pos, keys)"),
        ("sample/gumbel.py", "h = _murmur3_mix(h, (pos & 0xFFFFFFFF).to(tl.uint32))"),
        # A seeded request is never drawn by a fused sampler, which has a noise of its own.
        ("sample/sampler.py", "or self.sampling_states.any_explicit_seed(idx_mapping_np)"),
        ("sample/sampler.py", "self.sampling_states.seeds.gpu,\n                pos,"),
        # The position counts from the start of the prompt.
        ("sample/sampler.py", "pos = input_batch.positions[input_batch.logits_indices]"),
    ],
)
def test_the_v2_runner_of_the_installed_vllm_draws_by_position(file: str, text: str) -> None:
    """Where this fails after an upgrade, resumed seeded runs may differ: read the new source first."""
    assert text in (GPU / file).read_text()
