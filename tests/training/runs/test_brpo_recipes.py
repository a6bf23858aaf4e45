"""BRPO recipes: all of them are valid, variants hold what differs, and trainer keys are checked."""

import pytest

from anytime_training.errors import RecipeError
from anytime_training.runs.arguments import trainer_arguments
from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.runs.recipes import known_recipes, load_recipe
from anytime_training.sft.recipe import SftRecipe

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
    assert recipe.trainer["budgets"] == [150]
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
        ("data.file=problems.jsonl", "exactly one of families, reasoning_gym, file and dataset"),
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


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("trainer.learning_rate=abc", r"trainer\.learning_rate takes a number, not 'abc'"),
        ("trainer.learning_rate='1e-4'", r"trainer\.learning_rate takes a number, not '1e-4'"),
        ("trainer.learning_rate=.nan", r"trainer\.learning_rate takes a number, not nan"),
        ("trainer.learning_rate=true", r"trainer\.learning_rate takes a number, not True"),
        ("trainer.max_grad_norm=high", r"trainer\.max_grad_norm takes a number"),
        ("trainer.interim_samples=four", r"trainer\.interim_samples takes a whole number, not 'four'"),
        ("trainer.interim_samples=1.5", r"trainer\.interim_samples takes a whole number, not 1\.5"),
        ("trainer.bf16=maybe", r"trainer\.bf16 takes true or false or null, not 'maybe'"),
        ("trainer.budgets=24", r"trainer\.budgets takes a list of whole numbers, not 24"),
        ("trainer.budgets=[24, b]", r"trainer\.budgets takes a list of whole numbers"),
        ("trainer.lr_scheduler_type=3", r"trainer\.lr_scheduler_type takes a text, not 3"),
        ("trainer.model_init_kwargs=[1]", r"trainer\.model_init_kwargs takes a mapping or a text or null"),
        ("trainer.report_to=5", r"trainer\.report_to takes null or a text or a list of texts"),
        ("trainer.report_to=wandbb", r"trainer\.report_to 'wandbb' is unknown; known: none, all, .*wandb"),
    ],
)
def test_a_setting_of_another_kind_is_named_with_what_it_takes(override, message, tmp_path):
    with pytest.raises(RecipeError, match=message):
        trainer_arguments(load_recipe(BrpoRecipe, "tiny", [override]), tmp_path)


def test_a_number_may_be_whole_and_what_may_be_null_is(tmp_path):
    recipe = load_recipe(BrpoRecipe, "tiny", ["trainer.learning_rate=1", "trainer.save_total_limit=null"])
    arguments = trainer_arguments(recipe, tmp_path)
    assert (arguments.learning_rate, arguments.save_total_limit) == (1, None)


def test_a_tracker_that_is_not_installed_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr(
        "transformers.integrations.integration_utils.get_available_reporting_integrations", lambda: ["tensorboard"]
    )
    recipe = load_recipe(BrpoRecipe, "tiny", ["trainer.report_to=[tensorboard, wandb]"])
    with pytest.raises(RecipeError, match=r"trainer\.report_to: wandb needs its library: pip install wandb"):
        trainer_arguments(recipe, tmp_path)


def test_a_missing_library_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(RecipeError, match=r"model\.lora needs peft"):
        trainer_arguments(load_recipe(BrpoRecipe, "tiny", ["model.lora.r=4"]), tmp_path)
