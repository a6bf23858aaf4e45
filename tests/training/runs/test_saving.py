"""What a trained model is saved as: whole, with its adapter merged in, and loadable by whatever serves it."""

import json
from pathlib import Path
from types import SimpleNamespace

import pytest
import torch
from transformers import (
    AutoModelForCausalLM,
    AutoTokenizer,
    Mistral3Config,
    Mistral3ForConditionalGeneration,
    MistralConfig,
    PixtralVisionConfig,
)

import anytime_server
from anytime_training.runs.saving import merge, save_in_place, save_trained
from trainer_steps import TRL_CHECKS_VLLM

TINY = Path(anytime_server.__file__).parent / "models" / "anytime-tiny"
pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)
IDS = torch.arange(20, 40).unsqueeze(0)


def logits(model):
    with torch.no_grad():
        return model.eval()(IDS).logits


@pytest.mark.parametrize("targets", ["all-linear", ["q_proj", "v_proj"]], ids=str)
def test_a_trained_adapter_is_saved_alone_and_merged_into_a_whole_model(make, shallow, tmp_path, targets):
    peft = pytest.importorskip("peft")
    config = peft.LoraConfig(r=4, target_modules=targets, task_type="CAUSAL_LM", init_lora_weights=False)
    trainer = make(peft_config=config)
    expected, out = logits(trainer.model), tmp_path / "out"
    save_trained(trainer, shallow, out)
    assert (out / "adapter" / "adapter_config.json").is_file()
    assert json.loads((out / "config.json").read_text())["use_cache"] is True
    merged = AutoModelForCausalLM.from_pretrained(out)
    assert not [name for name in merged.state_dict() if "lora" in name]
    torch.testing.assert_close(logits(merged), expected, atol=1e-4, rtol=1e-4)
    assert (expected - logits(AutoModelForCausalLM.from_pretrained(shallow))).abs().max() > 0.1
    assert AutoTokenizer.from_pretrained(out).get_vocab() == AutoTokenizer.from_pretrained(shallow).get_vocab()
    assert AutoModelForCausalLM.from_pretrained(out).generation_config.eos_token_id is not None


def test_an_adapter_of_a_language_model_in_a_wrapper_is_merged_too(tmp_path):
    """AutoModelForCausalLM doesn't know such wrappers; TRL trains the class that the model's configuration names."""
    peft = pytest.importorskip("peft")
    sizes = {"hidden_size": 16, "intermediate_size": 16, "num_hidden_layers": 1, "num_attention_heads": 1}
    text = MistralConfig(**sizes, num_key_value_heads=1, head_dim=16, vocab_size=64)
    vision = PixtralVisionConfig(**sizes, image_size=16, patch_size=8)
    base = Mistral3ForConditionalGeneration(Mistral3Config(text_config=text, vision_config=vision))
    base.save_pretrained(tmp_path / "base")
    config = peft.LoraConfig(r=2, target_modules=r".*language_model.*q_proj", init_lora_weights=False)
    trained = peft.get_peft_model(base, config)
    trained.save_pretrained(tmp_path / "adapter")
    merged = merge(str(tmp_path / "base"), tmp_path / "adapter", {})
    assert type(merged) is Mistral3ForConditionalGeneration
    torch.testing.assert_close(logits(merged), logits(trained), atol=1e-4, rtol=1e-4)


def test_a_model_is_saved_where_its_folder_is_a_file_system_of_its_own(tmp_path, monkeypatch):
    """As where a volume is mounted: no file can be moved there from beside it."""
    out = tmp_path / "mounted"
    replace = Path.replace

    def within_the_mount(path, target):
        if not path.is_relative_to(out):
            raise OSError(18, "Invalid cross-device link")
        return replace(path, target)

    monkeypatch.setattr(Path, "replace", within_the_mount)
    model, tokenizer = AutoModelForCausalLM.from_pretrained(TINY), AutoTokenizer.from_pretrained(TINY)
    save_in_place(model, tokenizer, out)
    assert not [path for path in out.iterdir() if path.is_dir()]
    torch.testing.assert_close(logits(AutoModelForCausalLM.from_pretrained(out)), logits(model))


def test_a_sharded_model_is_saved_by_all_processes_and_loads_as_any_other(tmp_path):
    """Each process calls; the trainer gathers the weights, here those of one process."""
    model, tokenizer = AutoModelForCausalLM.from_pretrained(TINY), AutoTokenizer.from_pretrained(TINY)
    model.config.use_cache = False

    def save_model(folder):
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)

    trainer = SimpleNamespace(
        model=model,
        accelerator=SimpleNamespace(unwrap_model=lambda model: model, wait_for_everyone=lambda: None),
        is_world_process_zero=lambda: True,
        is_fsdp_enabled=True,
        is_deepspeed_enabled=False,
        save_model=save_model,
    )
    save_trained(trainer, str(TINY), tmp_path / "out")
    assert json.loads((tmp_path / "out" / "config.json").read_text())["use_cache"] is True
    config = json.loads((tmp_path / "out" / "tokenizer_config.json").read_text())
    assert config["tokenizer_class"] == "PreTrainedTokenizerFast"
    torch.testing.assert_close(logits(AutoModelForCausalLM.from_pretrained(tmp_path / "out")), logits(model))
