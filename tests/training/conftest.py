"""BRPO trainers for the tests of their parts."""

import pytest


@pytest.fixture(scope="session")
def shallow(tmp_path_factory):
    """The first layer of the embedded model: its answers vary in length, and some of its thinking ends by itself."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tiny_trainer import TINY

    folder = tmp_path_factory.mktemp("shallow")
    model = AutoModelForCausalLM.from_pretrained(TINY, num_hidden_layers=1, layer_types=["full_attention"])
    model.save_pretrained(folder)
    AutoTokenizer.from_pretrained(TINY).save_pretrained(folder)
    return str(folder)


@pytest.fixture
def make(tmp_path, shallow):
    from tiny_trainer import brpo_trainer

    def build(*args, **settings):
        trainer = brpo_trainer(tmp_path, *args, **{"model": shallow, **settings})
        trainer.current_gradient_accumulation_steps = 1
        return trainer

    return build
