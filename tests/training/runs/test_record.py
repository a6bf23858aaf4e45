import pytest

from anytime_training.errors import RecipeError
from anytime_training.runs import record
from anytime_training.runs.brpo_recipe import BrpoRecipe
from anytime_training.runs.recipes import load_recipe


def test_a_run_may_be_resumed_longer_and_saved_more_often(tmp_path):
    record.write(load_recipe(BrpoRecipe, "tiny"), tmp_path)
    longer = load_recipe(BrpoRecipe, "tiny", ["trainer.max_steps=500", "trainer.save_steps=5"])
    record.check(longer, tmp_path)


@pytest.mark.parametrize(
    ("override", "key"), [("trainer.budgets=[96]", "trainer.budgets"), ("data.seed=3", "data.seed"), ("seed=4", "seed")]
)
def test_a_run_resumed_with_another_recipe_is_refused(tmp_path, override, key):
    record.write(load_recipe(BrpoRecipe, "tiny"), tmp_path)
    with pytest.raises(RecipeError, match=key):
        record.check(load_recipe(BrpoRecipe, "tiny", [override]), tmp_path)


def test_another_model_is_refused(tmp_path):
    record.write(load_recipe(BrpoRecipe, "tiny"), tmp_path)
    with pytest.raises(RecipeError, match=r"model\.path"):
        record.check(load_recipe(BrpoRecipe, "tiny").with_model("elsewhere"), tmp_path)
