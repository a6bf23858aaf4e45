"""Where the problems of a run come from: the schema of `data` in a recipe, and what is known of some data sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anytime_training.problems import tasks
from anytime_training.problems.answers import AnswerIn

PROMPT_FIELDS = ("problem", "question", "prompt")
ANSWER_FIELDS = ("answer", "solution", "reward_model.ground_truth")
FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
PACKED = ".gz"

Format = Literal[".jsonl", ".json", ".csv", ".tsv", ".parquet"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a known data set."""

    prompt: str
    answer: str
    answer_in: AnswerIn = "text"
    subset: str | None = None
    split: str = "train"


KNOWN: dict[str, Layout] = {
    "agentica-org/DeepScaleR-Preview-Dataset": Layout("problem", "answer"),
    "DigitalLearningGmbH/MATH-lighteval": Layout("problem", "solution", "boxed", subset="default"),
    "EleutherAI/hendrycks_math": Layout("problem", "solution", "boxed"),
    "HuggingFaceH4/MATH-500": Layout("problem", "answer", split="test"),
    "nlile/hendrycks-MATH-benchmark": Layout("problem", "answer"),
    "openai/gsm8k": Layout("question", "answer", "hashes", subset="main"),
}


class DataSource(BaseModel):
    """Where the problems of a run come from: exactly one of `families`, `file` and `dataset`.

    `families` are drawn by their weights, `n` problems of `count` items. `prompt` and `answer` name the fields of a
    file or data set, with dots where they lie in others (`reward_model.ground_truth`); `answer_in` says where the
    answer is in its field. Left out, they are known from the data set's id, or found by name and by looking at the
    rows. `keep` names further columns. A row without an answer is an error unless `drop_unanswered`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    families: Annotated[dict[str, Annotated[float, Field(ge=0)]], Field(min_length=1)] | None = None
    count: tuple[int, int] = (2, 8)
    n: int | None = Field(default=None, ge=1)
    seed: int = 0
    file: Path | None = None
    dataset: str | None = None
    subset: str | None = None
    split: str | None = None
    prompt: str | None = None
    answer: str | None = None
    answer_in: AnswerIn | None = None
    keep: tuple[str, ...] = ()
    drop_unanswered: bool = False
    max_prompt_tokens: int | None = Field(default=None, ge=1)

    @model_validator(mode="after")
    def _consistent(self) -> "DataSource":
        given = [key for key in ("families", "file", "dataset") if getattr(self, key) is not None]
        if len(given) != 1:
            raise ValueError(f"give exactly one of families, file and dataset, not {', '.join(given) or 'none'}")
        fields = {"prompt", "answer", "answer_in", "keep", "drop_unanswered"}
        belong = {"families": {"count", "n", "seed"}, "file": fields, "dataset": fields | {"subset", "split"}}[given[0]]
        if stray := sorted(self.model_fields_set - belong - {"max_prompt_tokens", *given} - self._unset()):
            raise ValueError(f"{', '.join(stray)}: not a key of a source with {given[0]}; it takes {sorted(belong)}")
        if self.families is not None:
            self._check_families(self.families)
        if self.file is not None:
            format_of(self.file)
        if reserved := sorted({"prompt", "answer"} & set(self.keep)):
            raise ValueError(f"keep {reserved}: the rows have columns of that name already")
        return self

    def _unset(self) -> set[str]:
        return {key for key in self.model_fields_set if getattr(self, key) is None}

    def _check_families(self, families: Mapping[str, float]) -> None:
        if unknown := sorted(set(families) - set(tasks.FAMILIES)):
            raise ValueError(f"families {unknown} are unknown; known: {sorted(tasks.FAMILIES)}")
        if not sum(families.values()) > 0:
            raise ValueError("families: at least one weight must be above 0")
        if not 2 <= self.count[0] <= self.count[1] <= 8:
            raise ValueError(f"count {list(self.count)} must go from at least 2 to at most 8")
        if self.n is None:
            raise ValueError("n: give the number of problems to draw from the families")


def format_of(file: Path) -> Format:
    """What a file holds, by its ending.

    Raises:
        ValueError: if there is no such format.
    """
    packed = file.suffix.lower() == PACKED
    ending = (file.with_suffix("") if packed else file).suffix.lower()
    for known in FORMATS:
        if ending == known and not (packed and known == ".parquet"):
            return known  # type: ignore[return-value]  # FORMATS are the values of Format
    raise ValueError(f"file {file}: the ending must be one of {', '.join(FORMATS)}, all but the last with {PACKED} too")
