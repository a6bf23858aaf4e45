"""Who judges the answers of a BRPO run, and whether that works on the run's own problems: before a model is loaded."""

from typing import TYPE_CHECKING, Any

from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_training.errors import DataError, TrainingError
from anytime_training.rewards.answer import TRIED, AnswerReward
from anytime_training.rewards.reasoning_gym import GymScorer
from anytime_training.rewards.strict import StrictRule
from anytime_training.rewards.verifiers import VERIFIERS
from anytime_training.runs.brpo_recipe import BrpoRecipe

if TYPE_CHECKING:
    from datasets import Dataset

    from anytime_training.brpo.config import BRPOConfig


def cue_of(arguments: "BRPOConfig", tokenizer: Any) -> str:
    """The text that every answer of the run begins with."""
    wrapped = HFTokenizer(tokenizer)
    return wrapped.decode(arguments.format_of(wrapped).cue_ids)


def reward_of(recipe: BrpoRecipe, arguments: "BRPOConfig", tokenizer: Any) -> AnswerReward:
    """The reward of a recipe's answers.

    Raises:
        VerifierError: if there is no such verifier, or a library of it is missing.
        DataError: if evaluation_data would need another judge.
        FormatError: if the model has no thinking format.
    """
    if arguments.eval_strategy != "no":
        _check_one_judge(recipe)
    settings = recipe.reward
    wrapped = HFTokenizer(tokenizer)
    cue = cue_of(arguments, tokenizer)
    scorer = _scorer(recipe, cue)
    rule = StrictRule.of(arguments.format_of(wrapped), cue, str(scorer)) if settings.strict else None
    return AnswerReward.create(scorer, settings.timeout_s, settings.workers, rule)


def verifiable(
    problems: "Dataset", recipe: BrpoRecipe, arguments: "BRPOConfig", tokenizer: Any, reward: AnswerReward
) -> "Dataset":
    """The problems whose answer the verifier accepts; all of them, if it is one of the user's own that works.

    A user's verifier may want more than the answer, so it must only not fail on a few of them. One process decides for
    all: time limits could make them disagree, and then they would train on different data.

    Raises:
        VerifierError: if the verifier lacks a column, or fails whatever it is given.
        DataError: if there are other problems, unless the recipe leaves them out.
    """
    from accelerate import PartialState
    from accelerate.utils import broadcast_object_list

    reward.check([*problems.column_names, "budget", "prompts", "completion_ids"])
    decided: list[Any] = [None]
    if PartialState().is_main_process:
        try:
            if recipe.data.reasoning_gym is not None or recipe.reward.verifier in VERIFIERS:
                decided = [_accepted(problems, recipe, reward)]
            else:
                _try(problems.select(range(min(TRIED, len(problems)))), arguments, tokenizer, reward)
        except TrainingError as error:
            decided = [error]
    broadcast_object_list(decided)
    if isinstance(decided[0], TrainingError):
        raise decided[0]
    return problems if decided[0] is None else problems.select(decided[0])


def _check_one_judge(recipe: BrpoRecipe) -> None:
    """A run has one reward function, so what it evaluates on must be judged as what it trains on."""
    judges = [
        source.reasoning_gym and (source.reasoning_gym, source.config, source.threshold)
        for source in (recipe.data, recipe.evaluation_data or recipe.data)
    ]
    if judges[0] != judges[1]:
        raise DataError(
            "evaluation_data: with trainer.eval_strategy, it must be of the same reasoning_gym data set as data, with "
            "the same config and threshold, or neither may be of reasoning_gym: one scorer judges both; measure on "
            "other problems with `anytime eval --data`"
        )


def _scorer(recipe: BrpoRecipe, cue: str) -> str | GymScorer:
    """Who judges: the recipe's verifier, or the scorer that comes with the problems."""
    source = recipe.data
    if source.reasoning_gym is None:
        return recipe.reward.verifier
    return GymScorer(source.reasoning_gym, source.config, source.threshold, cue)


def _accepted(problems: "Dataset", recipe: BrpoRecipe, reward: AnswerReward) -> list[int]:
    """The problems whose answer is right; a problem without an answer of its own has a scorer that needs none."""
    answers = list(problems["answer"])
    columns = {name: list(problems[name]) for name in problems.column_names if name not in ("answer", "prompt")}
    own = [accepted[0] if accepted else None for accepted in answers]
    rewards = iter(reward.verify(own, answers, columns))
    values = [1.0 if text is None else next(rewards) for text in own]
    good = [index for index, value in enumerate(values) if value > 0]
    if len(good) < len(answers) and not recipe.data.drop_unanswered:
        first = next(text for text, value in zip(own, values, strict=True) if value == 0)
        raise DataError(
            f"the verifier {str(_scorer(recipe, ''))!r} does not accept {len(answers) - len(good)} of {len(answers)} "
            f"answers themselves, the first one is {first!r:.80}; mend them, set data.drop_unanswered, or use "
            "another verifier"
        )
    return good


def _try(problems: "Dataset", arguments: "BRPOConfig", tokenizer: Any, reward: AnswerReward) -> None:
    """Call a verifier as a run does, with right answers."""
    cue = cue_of(arguments, tokenizer)
    columns = {name: list(problems[name]) for name in problems.column_names}
    answers, prompts = columns.pop("answer"), columns["prompt"]
    texts = [cue + accepted[0] for accepted in answers]
    trl_adds = {"prompts": prompts, "completion_ids": [tokenizer(text)["input_ids"] for text in texts]}
    reward.verify(texts, answers, columns | trl_adds | {"budget": [arguments.budgets[-1]] * len(texts)})
