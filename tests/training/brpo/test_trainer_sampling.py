"""`sampling/` metrics of BRPOTrainer: whenever the sampler tells log-probabilities, as TRL names them."""

import pytest
import torch

from trainer_steps import TRL_CHECKS_VLLM, generate

pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM)
NAMES = {
    *(f"sampling/sampling_logp_difference/{kind}" for kind in ("mean", "max")),
    *(f"sampling/importance_sampling_ratio/{kind}" for kind in ("min", "mean", "max")),
}
GAP = 0.25


class Telling:
    """Tells log-probabilities of what a sampler samples: `GAP` below those of the model."""

    def __init__(self, sampler, model):
        self.model, self.inner = model, (sampler.think, sampler.answer)

    @torch.no_grad()
    def logps(self, prompt, ids):
        scores = self.model(torch.tensor([[*prompt, *ids]])).logits[0, len(prompt) - 1 : -1].log_softmax(-1)
        return (scores.gather(-1, torch.tensor(ids).unsqueeze(-1)).squeeze(-1) - GAP).tolist()

    def think(self, prompts, group):
        trunks, _ = self.inner[0](prompts, group)
        return trunks, [self.logps(prompt, ids) for prompt, ids in zip(prompts, trunks, strict=True)]

    def answer(self, stems):
        answers, _ = self.inner[1](stems)
        told = []
        for stem, replies in zip(stems, answers, strict=True):
            each = len(replies) // len(stem.truncation)
            told.append([self.logps(stem.prompt_of(i // each), ids) if ids else [] for i, ids in enumerate(replies)])
        return answers, told


def telling(make, **settings):
    trainer = make(**settings)
    sampler = trainer.collector.sampler
    telling = Telling(sampler, trainer.model)
    sampler.think, sampler.answer = telling.think, telling.answer
    return trainer


def logged(trainer):
    return {name: values for name, values in trainer._metrics["train"].items() if name.startswith("sampling/")}


@pytest.mark.parametrize("settings", [{}, {"compact": False}, {"max_tokens_per_forward": 100}], ids=str)
def test_the_gap_is_logged_with_the_loss_where_the_sampling_policy_is_the_trained_one(make, settings):
    trainer = telling(make, **settings)
    batch = generate(trainer)
    assert "old_per_token_logps" not in batch
    assert not logged(trainer)
    trainer.compute_loss(trainer.model, batch)
    values = logged(trainer)
    assert values.keys() == NAMES
    for name, found in values.items():
        expected = GAP if "difference" in name else torch.tensor(GAP).exp().item()
        assert found == [pytest.approx(expected, abs=1e-3)]


def test_it_is_logged_with_the_rollouts_where_the_policy_moves_on(make):
    trainer = telling(make, steps_per_generation=2)
    batch = generate(trainer)
    assert "old_per_token_logps" in batch
    assert logged(trainer)["sampling/sampling_logp_difference/mean"] == [pytest.approx(GAP, abs=1e-3)]
    trainer.compute_loss(trainer.model, batch)
    assert all(len(values) == 1 for values in logged(trainer).values())


def test_nothing_is_logged_where_the_sampler_does_not_tell(make):
    trainer = make()
    trainer.compute_loss(trainer.model, generate(trainer))
    assert not logged(trainer)
