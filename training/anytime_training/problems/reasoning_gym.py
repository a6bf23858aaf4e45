"""Problems of reasoning_gym, each with its entry, which the library's scorer looks at."""

from typing import Any

from tqdm import tqdm

from anytime_training import gym
from anytime_training.problems.prompts import Messages, as_messages
from anytime_training.problems.source import DataSource

Columns = tuple[list[Messages], list[list[str]], dict[str, list[Any]]]


def draw(source: DataSource) -> Columns:
    """Draw the problems of a source with `reasoning_gym`: prompts, accepted values, and the columns `family`, `entry`.

    The accepted values are none where the library has no answer of its own to compare with. `entry` is the library's
    whole entry as JSON (see `gym.to_json`).

    Raises:
        DataError: if the library is missing, or the name or the configuration is refused.
    """
    assert source.reasoning_gym is not None and source.n is not None  # as the schema says
    data_set = gym.make_data_set(source.reasoning_gym, source.config, source.n, source.seed)
    title = f"drawing {source.reasoning_gym}"
    entries = [data_set[index] for index in tqdm(range(source.n), title, disable=None, leave=False)]
    prompts = [as_messages(entry["question"]) for entry in entries]
    answers = [[] if entry["answer"] is None else [str(entry["answer"])] for entry in entries]
    extra = {"family": [source.reasoning_gym] * source.n, "entry": [gym.to_json(entry) for entry in entries]}
    return prompts, answers, extra
