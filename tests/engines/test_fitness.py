"""Models that transformers' continuous batching can't run: told at the start, and what to do."""

import pytest
import torch
from transformers import AutoConfig, AutoModelForCausalLM

from anytime_server.engines import EngineRequest, Sampling
from anytime_server.engines.transformers.engine import TransformersEngine
from anytime_server.errors import EngineError
from tiny_models import tiny_tokenizer

SIZES = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 256,
}
TRIED = {
    "nemotron": {"num_key_value_heads": 2},
    "deepseek_v3": {
        "num_key_value_heads": 4,
        "first_k_dense_replace": 2,
        "kv_lora_rank": 16,
        "q_lora_rank": 16,
        "qk_nope_head_dim": 16,
        "qk_rope_head_dim": 16,
        "v_head_dim": 16,
    },
}
"""Types whose class does not tell that they can't be run."""


@pytest.fixture
def save(tmp_path):
    """Saves the tokenizer and the config of a tiny model of a type; its weights only if it is asked to."""

    def save(model_type, weights=False, **sizes):
        tokenizer = tiny_tokenizer("qwen3")
        own = {"vocab_size": len(tokenizer), "eos_token_id": tokenizer.eos_token_id, "bos_token_id": None}
        config = AutoConfig.for_model(model_type, **SIZES, **own, **sizes)
        tokenizer.save_pretrained(tmp_path)
        if weights:
            torch.manual_seed(1)
            AutoModelForCausalLM.from_config(config).save_pretrained(tmp_path)
        else:
            config.save_pretrained(tmp_path)
        return str(tmp_path)

    return save


@pytest.mark.parametrize("model_type", ["stablelm", "falcon", "mamba", "qwen3_next"])
async def test_a_model_whose_attention_is_its_own_is_refused_before_its_weights_are_loaded(save, model_type):
    engine = TransformersEngine(save(model_type))
    with pytest.raises(EngineError, match=f"can't run .* of type '{model_type}' .*attention.*--engine vllm"):
        await engine.start()


@pytest.mark.parametrize(("model_type", "sizes"), TRIED.items(), ids=TRIED)
async def test_a_model_that_fails_in_its_first_steps_is_refused_at_the_start(save, caplog, model_type, sizes):
    engine = TransformersEngine(save(model_type, weights=True, **sizes))
    with pytest.raises(EngineError, match=f"can't run .* of type '{model_type}' .*first steps fail.*--engine vllm"):
        await engine.start()
    assert not caplog.records
    with pytest.raises(EngineError, match="not running"):
        await engine.check_health()


async def test_a_model_that_names_no_key_value_heads_has_as_many_as_it_has_heads(save):
    source = save("gpt_neox", weights=True, initializer_range=0.3)
    engine = TransformersEngine(source)
    await engine.start()
    prompt = engine.tokenizer.encode("hello there")
    request = EngineRequest("r", tuple(prompt), 20, Sampling(temperature=0.0))
    generated = [token async for chunk in engine.generate(request) for token in chunk.token_ids]
    await engine.stop()
    model = AutoModelForCausalLM.from_pretrained(source)
    expected = model.generate(torch.tensor([prompt]), max_new_tokens=20, do_sample=False)[0, len(prompt) :]
    assert generated == expected.tolist()
