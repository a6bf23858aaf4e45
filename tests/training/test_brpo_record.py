import pytest

from anytime_training import brpo_record
from anytime_training.brpo_recipe import BrpoRecipe
from anytime_training.errors import RecipeError
from anytime_training.recipes import load_recipe


def test_a_run_may_be_resumed_longer_and_saved_more_often(tmp_path):
    brpo_record.write(load_recipe(BrpoRecipe, "tiny"), tmp_path)
    longer = load_recipe(BrpoRecipe, "tiny", ["trainer.max_steps=500", "trainer.save_steps=5"])
    brpo_record.check(longer, tmp_path)


@pytest.mark.parametrize(
    ("override", "key"), [("trainer.budgets=[96]", "trainer.budgets"), ("data.seed=3", "data.seed"), ("seed=4", "seed")]
)
def test_a_run_resumed_with_another_recipe_is_refused(tmp_path, override, key):
    brpo_record.write(load_recipe(BrpoRecipe, "tiny"), tmp_path)
    with pytest.raises(RecipeError, match=key):
        brpo_record.check(load_recipe(BrpoRecipe, "tiny", [override]), tmp_path)


def test_another_model_is_refused(tmp_path):
    brpo_record.write(load_recipe(BrpoRecipe, "tiny"), tmp_path)
    with pytest.raises(RecipeError, match=r"model\.path"):
        brpo_record.check(load_recipe(BrpoRecipe, "tiny").with_model("elsewhere"), tmp_path)
