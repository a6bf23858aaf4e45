"""BRPO recipes: all of them are valid, variants hold what differs, and trainer keys are checked."""

import pytest

from anytime_training.errors import RecipeError
from anytime_training.runs.arguments import trainer_arguments
from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.runs.recipes import known_recipes, load_recipe
from anytime_training.runs.sft_recipe import SftRecipe

R1 = "r1-distill-1.5b-8k"
CPU = ["trainer.use_vllm=false", "trainer.bf16=false", "trainer.use_cpu=true"]


@pytest.mark.parametrize("name", known_recipes("brpo"))
def test_every_recipe_gives_arguments_that_the_trainer_takes(name, tmp_path):
    recipe = load_recipe(BrpoRecipe, name, CPU)
    assert trainer_arguments(recipe, tmp_path).budgets == recipe.trainer["budgets"]


@pytest.mark.parametrize(
    ("variant", "budgets", "answers", "prior", "trained", "reduction"),
    [
        ("", 4, 4, "linear", "all", "brpo"),
        ("-uniform", 4, 4, "uniform", "all", "brpo"),
        ("-base", 4, 4, "base", "all", "brpo"),
        ("-grpo", 1, 1, "base", "last", "v2"),
        ("-grpo-linear", 4, 1, "linear", "last", "v2"),
        ("-grpo-decouple", 4, 4, "base", "all", "v2"),
        ("-grpo-vr", 4, 1, "base", "last", "brpo"),
    ],
)
def test_variants_of_the_paper_are_those_of_the_authors_commands(variant, budgets, answers, prior, trained, reduction):
    trainer = load_recipe(BrpoRecipe, R1 + variant).trainer
    assert (len(trainer["budgets"]), trainer["interim_samples"], trainer["prior"]) == (budgets, answers, prior)
    assert (trainer.get("train_answers", "all"), trainer["variance_reduction"]) == (trained, reduction)


@pytest.mark.parametrize(("name", "prompts", "rollouts"), [(R1, 64, 8), ("r1-distill-1.5b-16k", 128, 16)])
def test_the_paper_batches_are_filled_by_eight_processes_and_used_for_two_updates(name, prompts, rollouts):
    trainer = load_recipe(BrpoRecipe, name).trainer
    assert 8 * trainer["per_device_train_batch_size"] * trainer["steps_per_generation"] == prompts * rollouts
    assert trainer["num_generations"] == rollouts
    assert trainer["steps_per_generation"] == 2 * trainer["gradient_accumulation_steps"]
    assert trainer["learning_rate"] == 1e-6


def write(folder, name, text):
    (folder / name).write_text(text)
    return str(folder / name)


def test_a_recipe_extends_another_beside_it(tmp_path):
    write(tmp_path, "mine.yaml", "extends: tiny-grpo\ntrainer: {learning_rate: 1e-4}\n")
    path = write(tmp_path, "mine2.yaml", "extends: mine.yaml\nseed: 5\n")
    recipe = load_recipe(BrpoRecipe, path)
    assert recipe.seed == 5
    assert recipe.trainer["learning_rate"] == 1e-4
    assert recipe.trainer["budgets"] == [96]
    assert recipe.model.path == "anytime-tiny"


def test_recipes_that_extend_each_other_are_an_error(tmp_path):
    write(tmp_path, "a.yaml", "extends: b.yaml")
    with pytest.raises(RecipeError, match="circle: b -> a -> b"):
        load_recipe(BrpoRecipe, write(tmp_path, "b.yaml", "extends: a.yaml"))


def test_overrides_reach_keys_that_the_file_leaves_out():
    overrides = ["trainer.warmup_steps=3", "reward.workers=1", "model.lora.r=4", "trainer.learning_rate=2e-4"]
    recipe = load_recipe(BrpoRecipe, "tiny", overrides)
    assert recipe.trainer["warmup_steps"] == 3
    assert recipe.reward.workers == 1
    assert recipe.model.lora.r == 4
    assert recipe.trainer["learning_rate"] == 2e-4


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("reward.worker=1", "'worker' is unknown here; known: .*workers"),
        ("data.n=none", "data.n: "),
        ("data.file=problems.jsonl", "exactly one of families, file and dataset"),
        ("seed=[", "not valid YAML"),
    ],
)
def test_a_bad_override_is_named(override, message):
    with pytest.raises(RecipeError, match=message):
        load_recipe(BrpoRecipe, "tiny", [override])


def test_a_recipe_of_another_method_is_an_error(tmp_path):
    path = write(tmp_path, "mine.yaml", "method: brpo\nmodel: {path: anytime-tiny}\n")
    with pytest.raises(RecipeError, match=r"method 'brpo', not 'sft'; give one of anytime train sft: tiny"):
        load_recipe(SftRecipe, path)


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.learning_rat=1", r"trainer\.learning_rat is unknown; did you mean learning_rate"),
        ("trainer.zzz=1", r"trainer\.zzz is unknown; see the keys"),
        ("trainer.output_dir=x", r"is set by --out"),
        ("trainer.budgets=[48, 24]", "increasing"),
        ("trainer.num_generations=7", "divisible"),
        ("trainer.prior=steep", "prior 'steep' is unknown"),
        ("trainer.save_steps=3", "must be a multiple of 2"),
    ],
)
def test_a_bad_trainer_key_is_named(override, message, tmp_path):
    recipe = load_recipe(BrpoRecipe, "tiny", ["trainer.num_iterations=2", override])
    with pytest.raises(RecipeError, match=message):
        trainer_arguments(recipe, tmp_path)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"model\.lora needs peft"):
        trainer_arguments(load_recipe(BrpoRecipe, "tiny", ["model.lora.r=4"]), tmp_path)
