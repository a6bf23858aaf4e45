"""What a BRPO run works on: its model's place and tokenizer, and problems whose answers can be verified."""

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import anytime_server
from anytime_server.controller import ThinkingFormat
from anytime_server.controller.prompt import render_prompt
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training import problems as sources
from anytime_training.errors import DataError, RecipeError
from anytime_training.rewards.answer import AnswerReward
from anytime_training.rewards.verifiers import VERIFIERS
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
    from transformers import AutoTokenizer

    try:
        return AutoTokenizer.from_pretrained(path)
    except OSError as error:
        raise RecipeError(f"model.path: {path} can't be loaded: {str(error).splitlines()[0]}") from error


def load_problems(
    recipe: BrpoRecipe, arguments: "BRPOConfig", tokenizer: Any
) -> "tuple[Dataset, sources.FilterReport]":
    """The recipe's problems with its instruction, which counts in their length, and what was left out.

    Raises:
        DataError: if they can't be loaded, or none is left.
    """
    wrapped = HFTokenizer(tokenizer)
    format = ThinkingFormat.resolve(wrapped, arguments.thinking_format)
    suffix = f"\n\n{recipe.instruction}" if recipe.instruction else ""

    def count(messages: sources.Messages) -> int:
        longer = [*messages[:-1], {**messages[-1], "content": messages[-1]["content"] + suffix}]
        return len(render_prompt(longer, wrapped, format))

    held_out = sources.load(recipe.evaluation_data, count)[0] if recipe.evaluation_data else None
    problems, report = sources.load(recipe.data, count, held_out)
    return (sources.with_instruction(problems, recipe.instruction) if recipe.instruction else problems), report


def verifiable(problems: "Dataset", recipe: BrpoRecipe, reward: AnswerReward) -> "Dataset":
    """The problems whose answer the verifier accepts; a verifier of the user's own may want more than the answer.

    One process decides for all: time limits could make them disagree, and then they would train on different data.

    Raises:
        DataError: if there are others, unless the recipe leaves them out.
    """
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    if recipe.reward.verifier not in VERIFIERS:
        return problems
    decided: list[Any] = [None]
    if PartialState().is_main_process:
        try:
            decided = [_accepted(problems, recipe, reward)]
        except DataError as error:
            decided = [error]
    broadcast_object_list(decided)
    if isinstance(decided[0], DataError):
        raise decided[0]
    return problems.select(decided[0])


def _accepted(problems: "Dataset", recipe: BrpoRecipe, reward: AnswerReward) -> list[int]:
    answers = list(problems["answer"])
    rewards = reward([accepted[0] for accepted in answers], answers)
    good = [index for index, value in enumerate(rewards) if value > 0]
    if len(good) < len(answers) and not recipe.data.drop_unanswered:
        first = next(answer for answer, value in zip(answers, rewards, strict=True) if value == 0)
        raise DataError(
            f"the verifier {recipe.reward.verifier!r} does not accept {len(answers) - len(good)} of {len(answers)} "
            f"answers themselves, the first one is {first[0]!r:.80}; mend them, set data.drop_unanswered, or use "
            "another verifier"
        )
    return good


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
    format = ThinkingFormat.resolve(wrapped, arguments.thinking_format)
    forced = len(format.closing_ids) + len(format.cue_ids)
    room = arguments.prompt_room(min(lengths), forced)
    longest = recipe.data.max_prompt_tokens or max(
        len(render_prompt(messages, wrapped, format)) for messages in problems["prompt"]
    )
    if longest > room > 0:  # the trainer says what is wrong where there is no room at all
        raise DataError(
            f"data: prompts have up to {longest} tokens, and a context of {min(lengths)} has room for {room} beside "
            f"{arguments.budgets[-1]} thinking tokens and an answer; set data.max_prompt_tokens: {room}"
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
