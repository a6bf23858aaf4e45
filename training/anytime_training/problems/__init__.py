"""Problems to train on, synthetic, of reasoning_gym, a file or a Hub data set: rows of a `prompt` and accepted values.

Every source becomes a `datasets.Dataset` with the columns `prompt` (messages, the last one the user's) and `answer` (a
list of str), and the columns that the source is told to keep.

    source     where problems come from: the schema of `data` in a recipe
    text       a local file's text, whatever it is encoded in and packed with
    tables     rows as they stand, with the place of each, from files and from the Hub
    prompts    what a row asks, as messages
    answers    what a row accepts
    reasoning_gym  problems of that library, each with its entry
    loading    from a source to a data set
    filtering  what is left out
"""

from anytime_training.problems.answers import AnswerIn
from anytime_training.problems.filtering import FilterReport
from anytime_training.problems.loading import load, synthetic
from anytime_training.problems.prompts import Messages, with_instruction
from anytime_training.problems.source import ANSWER_FIELDS, FORMATS, KNOWN, PROMPT_FIELDS, DataSource, Layout

__all__ = [
    "ANSWER_FIELDS",
    "FORMATS",
    "KNOWN",
    "PROMPT_FIELDS",
    "AnswerIn",
    "DataSource",
    "FilterReport",
    "Layout",
    "Messages",
    "load",
    "synthetic",
    "with_instruction",
]
