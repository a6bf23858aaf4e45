"""BRPO trainers for the tests of their parts."""

import pytest


@pytest.fixture
def make(tmp_path):
    from tiny_trainer import brpo_trainer

    def build(*args, **settings):
        trainer = brpo_trainer(tmp_path, *args, **settings)
        trainer.current_gradient_accumulation_steps = 1
        return trainer

    return build
