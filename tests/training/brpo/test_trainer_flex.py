"""A trainer of a model that runs flex_attention: it rolls out with sdpa, and computes rows in few shapes."""

from dataclasses import replace

import pytest
import torch

from anytime_training.errors import TrainingError
from anytime_training.trees.flex import Shapes
from trainer_steps import TRL_CHECKS_VLLM, generate

pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)
FLEX = {"attn_implementation": "flex_attention"}
STALE = {"steps_per_generation": 2, "gradient_accumulation_steps": 1, "per_device_train_batch_size": 4}


@pytest.fixture
def flex(make):
    return make(model_init_kwargs=FLEX, **STALE)


@pytest.mark.slow
def test_rollouts_and_log_probabilities_are_those_of_sdpa(make, flex):
    """The CPU has no backward pass of flex_attention; the log-probabilities of the sampling policy need none."""
    with flex._compilation():
        ours = generate(flex)
    theirs = generate(make(**STALE))
    assert torch.equal(ours["completion_ids"], theirs["completion_ids"])
    torch.testing.assert_close(ours["old_per_token_logps"], theirs["old_per_token_logps"], atol=1e-4, rtol=0)
    assert flex.model.config._attn_implementation == "flex_attention"


def test_the_shapes_of_a_run_are_counted_from_its_settings(flex, make):
    forced = len(flex.format.closing_ids) + len(flex.format.cue_ids)
    context = flex.model.config.max_position_embeddings
    longest = context - 12 - forced - 5 + 12 + 6 * (forced + 5)
    assert flex._compilation.count == flex.args.flex_shapes(context, forced) == Shapes().count(longest, 8)
    assert make()._compilation.shapes is None


def test_a_step_with_more_shapes_than_counted_ends_with_the_remedy(flex):
    flex._compilation = replace(flex._compilation, count=1)
    forward = torch.compile(lambda values: values + 1, backend="eager")

    def compute(*_, **__):
        for length in range(2, 12):
            forward(torch.zeros(length))

    flex._prepare_inputs = compute
    with pytest.raises(TrainingError, match=r"raise trainer\.flex_step"):
        flex.training_step(flex.model, [], None)
    torch._dynamo.reset()
