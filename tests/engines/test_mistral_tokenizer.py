"""A repository of Mistral's own, whose tokenizer comes twice."""

import json
from pathlib import Path

import pytest

from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer, auto_tokenizer

WORDS = 1000
"""Of the tokenizer's, all of which take seconds to load."""

mistral_common = pytest.importorskip("mistral_common", reason="it comes with vLLM")
CONFIG = {
    "model_type": "mistral",
    "architectures": ["MistralForCausalLM"],
    "vocab_size": 2000,
    "hidden_size": 32,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 64,
}


def test_the_tokenizer_that_has_its_markers_is_taken(tmp_path):
    """That of mistral-common has no chat template, and raises where it is asked for its special tokens."""
    *_, newest = sorted((Path(mistral_common.__file__).parent / "data").glob("tekken*.json"))
    tekken = json.loads(newest.read_text(encoding="utf-8"))
    tekken["vocab"] = tekken["vocab"][:WORDS]
    tekken["config"]["default_vocab_size"] = WORDS + tekken["config"]["default_num_special_tokens"]
    (tmp_path / "tekken.json").write_text(json.dumps(tekken), encoding="utf-8")
    (tmp_path / "config.json").write_text(json.dumps(CONFIG), encoding="utf-8")
    tokenizer = HFTokenizer(auto_tokenizer(tmp_path))
    format = ThinkingFormat.resolve(tokenizer, "magistral")
    assert tokenizer.decode(format.close_ids) == format.markers.close == "[/THINK]"
