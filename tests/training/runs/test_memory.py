"""The estimate of a run's memory, against what torch's tensors take on the CPU, and for the paper's recipes."""

from pathlib import Path

import pytest
from transformers import AutoTokenizer, Qwen2Config, Qwen2ForCausalLM
from typer.testing import CliRunner

from anytime_server.engines.choice import EMBEDDED_PATH
from anytime_training.cli import app
from anytime_training.runs.arguments import trainer_arguments
from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.runs.memory import CARD, GIB, Load, Sizes, of_run, peak
from anytime_training.runs.recipes import load_recipe
from memory_peak import peak_bytes
from trainer_steps import TRL_CHECKS_VLLM

pytestmark = pytest.mark.filterwarnings(TRL_CHECKS_VLLM, "ignore:bf16")
WITHIN = 0.15
"""What docs/training.md says of the error of an update's estimate."""

DISTILL = Qwen2Config(
    vocab_size=151936,
    hidden_size=1536,
    intermediate_size=8960,
    num_hidden_layers=28,
    num_attention_heads=12,
    num_key_value_heads=2,
    max_position_embeddings=131072,
    tie_word_embeddings=False,
)
"""DeepSeek-R1-Distill-Qwen-1.5B's shape."""

FORCED = 14
"""Tokens that close its thinking and begin an answer."""


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    folder, tokenizer = tmp_path_factory.mktemp("model"), AutoTokenizer.from_pretrained(EMBEDDED_PATH)
    config = Qwen2Config(
        vocab_size=1000,
        hidden_size=128,
        intermediate_size=512,
        num_hidden_layers=4,
        num_attention_heads=4,
        num_key_value_heads=2,
        max_position_embeddings=512,
        eos_token_id=tokenizer.eos_token_id,
        tie_word_embeddings=False,
    )
    Qwen2ForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return str(folder)


@pytest.mark.slow
@pytest.mark.parametrize(("checkpointing", "bf16"), [(False, False), (True, True)])
def test_an_update_takes_what_is_estimated(make, model, checkpointing, bf16):
    from tiny_trainer import rows_of

    settings = {"budgets": [10, 20, 30], "interim_max_tokens": 10, "compact": False}
    trainer = make(model=model, gradient_checkpointing=checkpointing, bf16=bf16, **settings)
    if checkpointing:
        trainer.model.gradient_checkpointing_enable({"use_reentrant": False})
    trainer.model.train()
    batches = []
    rollouts = peak_bytes(lambda: batches.append(trainer._generate_and_score_completions(rows_of(trainer))))
    [batch] = batches
    length = batch["prompt_ids"].shape[1] + batch["completion_ids"].shape[1]
    update = peak_bytes(lambda: trainer.accelerator.backward(trainer.compute_loss(trainer.model, batch)))
    found = peak(Sizes.of(trainer.model.config), Load(8, length, 8, length), trainer.args, 4, card=None)
    assert found.update + found.gradients == pytest.approx(update, rel=WITHIN)
    assert rollouts <= 1.5 * found.rollouts + found.logits


def test_parameters_are_counted_without_being_made():
    sizes = Sizes.of(DISTILL)
    assert sizes.parameters == 1_777_088_000
    assert sizes.linear < sizes.parameters
    assert sizes.adapters == 0


@pytest.mark.parametrize("name", ["r1-distill-1.5b-8k", "r1-distill-1.5b-16k"])
def test_the_papers_recipes_fit_the_cards_they_are_written_for(name, tmp_path):
    recipe = load_recipe(BrpoRecipe, name, [])
    args = trainer_arguments(recipe, tmp_path, to_run=False)
    found = of_run(recipe, args, DISTILL, FORCED, CARD)
    assert found.weights == 4 * 1_777_088_000
    assert found.optimiser == 2 * found.gradients == 2 * found.weights
    assert found.vllm == args.vllm_gpu_memory_utilization * 80 * GIB
    assert found.rollouts == 0
    assert found.total < 0.97 * CARD
    page = (Path(__file__).parents[3] / "docs" / "training.md").read_text(encoding="utf-8")
    cells = [f"{size / GIB:.1f}" for size in (found.weights + found.gradients + found.optimiser, found.vllm)]
    cells += [f"{size / GIB:.1f}" for size in (found.update, found.total)]
    assert f"| `{name}` | {' | '.join(cells)} |" in page


def test_a_lower_limit_of_tokens_and_sdpa_change_what_they_should(tmp_path):
    def found(*overrides):
        recipe = load_recipe(BrpoRecipe, "r1-distill-1.5b-8k", list(overrides))
        return of_run(recipe, trainer_arguments(recipe, tmp_path, to_run=False), DISTILL, FORCED, CARD)

    whole, one = found(), found("trainer.max_tokens_per_forward=12000")
    assert one.activations < 0.6 * whole.activations
    assert found("trainer.model_init_kwargs={attn_implementation: sdpa}").masks > 20 * whole.masks
    lora = found("model.lora={r: 16}")
    assert lora.optimiser < 0.02 * whole.optimiser


def test_the_command_prints_parts_and_peak_and_writes_nothing(tmp_path):
    out = tmp_path / "out"
    result = CliRunner().invoke(app, ["brpo", "--recipe", "tiny", "--out", str(out), "--estimate"])
    assert result.exit_code == 0, result.output
    names = [line.split()[0] for line in result.output.splitlines() if line.endswith("GiB")]
    assert names[0] == "weights"
    assert names[-1] == "peak"
    assert not out.exists()
