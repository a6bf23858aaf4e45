"""What a BRPO run works on: its model's place and tokenizer, and problems whose answers can be verified."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anytime_server
from anytime_server.controller.prompt import render_prompt
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training import problems as sources
from anytime_training.errors import DataError, RecipeError
from anytime_training.runs.brpo_recipe import BrpoRecipe

if TYPE_CHECKING:
    from datasets import Dataset

    from anytime_training.brpo.config import BRPOConfig

EMBEDDED = "anytime-tiny"
HUB_ID = re.compile(r"[\w-][\w.-]*(/[\w.-]+)?")


def model_path(name: str) -> str:
    """The folder or Hub id of a recipe's model.

    Raises:
        RecipeError: if it looks like a folder and holds no model.
    """
    if name == EMBEDDED:
        return str(Path(anytime_server.__file__).parent / "models" / EMBEDDED)
    is_folder = Path(name).is_dir() or not HUB_ID.fullmatch(name)
    if is_folder and not (Path(name) / "config.json").is_file():
        raise RecipeError(
            f"model.path: {name} holds no model (no config.json); give a folder, a Hub id or anytime-tiny"
        )
    return name


def load_tokenizer(path: str) -> Any:
    """The model's tokenizer.

    Raises:
        RecipeError: if there is no such model.
    """
    from anytime_server.engines.hf_tokenizer import auto_tokenizer

    try:
        return auto_tokenizer(path)
    except OSError as error:
        raise RecipeError(f"model.path: {path} can't be loaded: {str(error).splitlines()[0]}") from error


def load_problems(
    recipe: BrpoRecipe, arguments: "BRPOConfig", tokenizer: Any
) -> "tuple[Dataset, sources.FilterReport]":
    """The recipe's problems with its instruction, which counts in their length, and what was left out.

    Raises:
        DataError: if they can't be loaded, or none is left.
    """
    count = _counter(recipe, arguments, tokenizer)
    held_out = sources.load(recipe.evaluation_data, count)[0] if recipe.evaluation_data else None
    problems, report = sources.load(recipe.data, count, held_out)
    return _instructed(problems, recipe), report


def load_evaluation(recipe: BrpoRecipe, arguments: "BRPOConfig", tokenizer: Any) -> "Dataset | None":
    """The problems to evaluate on while the run goes on, with the recipe's instruction; None if it is not to.

    Raises:
        DataError: if they can't be loaded, or none is left.
    """
    if arguments.eval_strategy == "no" or recipe.evaluation_data is None:
        return None
    return _instructed(sources.load(recipe.evaluation_data, _counter(recipe, arguments, tokenizer))[0], recipe)


def _counter(recipe: BrpoRecipe, arguments: "BRPOConfig", tokenizer: Any) -> Callable[[sources.Messages], int]:
    """What tells how many tokens a prompt has with the recipe's instruction."""
    wrapped = HFTokenizer(tokenizer)
    format = arguments.format_of(wrapped)
    suffix = f"\n\n{recipe.instruction}" if recipe.instruction else ""

    def count(messages: sources.Messages) -> int:
        longer = [*messages[:-1], {**messages[-1], "content": messages[-1]["content"] + suffix}]
        return len(render_prompt(longer, wrapped, format))

    return count


def _instructed(problems: "Dataset", recipe: BrpoRecipe) -> "Dataset":
    return sources.with_instruction(problems, recipe.instruction) if recipe.instruction else problems


def check_prompts(problems: "Dataset", recipe: BrpoRecipe, arguments: "BRPOConfig", tokenizer: Any, path: str) -> None:
    """Check that the longest prompt, the thinking and an answer fit the model's context.

    Raises:
        DataError: if not.
    """
    from transformers import AutoConfig

    context = getattr(AutoConfig.from_pretrained(path).get_text_config(), "max_position_embeddings", None)
    lengths = [length for length in (context, arguments.vllm_max_model_length) if length]
    if not lengths:
        return
    wrapped = HFTokenizer(tokenizer)
    format = arguments.format_of(wrapped)
    room = arguments.prompt_room(min(lengths), format.forced_tokens)
    longest = recipe.data.max_prompt_tokens or max(
        len(render_prompt(messages, wrapped, format)) for messages in problems["prompt"]
    )
    if longest > room > 0:  # the trainer says what is wrong where there is no room at all
        largest = arguments.budgets[-1]
        fitting = largest + room - longest
        lower = f"lower the largest budget to {fitting}, or " if fitting > 0 else ""
        raise DataError(
            f"trainer.budgets: beside {largest} thinking tokens and an answer, a context of {min(lengths)} has room "
            f"for prompts of {room} tokens, and they have up to {longest}; {lower}set data.max_prompt_tokens: {room} "
            "to leave longer ones out"
        )


def check_enough(problems: "Dataset", arguments: "BRPOConfig") -> None:
    """Check that the problems fill one batch of rollouts.

    Raises:
        DataError: if not.
    """
    wanted = (arguments.generation_batch_size or 1) // arguments.num_generations
    if len(problems) < wanted:
        raise DataError(
            f"data: {len(problems)} problems do not fill one batch of {wanted}; give more problems, or lower "
            "trainer.per_device_train_batch_size or steps_per_generation"
        )
