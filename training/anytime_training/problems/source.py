"""Where the problems of a run come from: the schema of `data` in a recipe, and what is known of some data sets."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

from anytime_training.problems import tasks
from anytime_training.problems.answers import AnswerIn
from anytime_training.problems.tasks.selection import MAX_CANDIDATES

PROMPT_FIELDS = ("problem", "question", "prompt")
ANSWER_FIELDS = ("answer", "solution", "reward_model.ground_truth")
FORMATS = (".jsonl", ".json", ".csv", ".tsv", ".parquet")
PACKED = ".gz"

Format = Literal[".jsonl", ".json", ".csv", ".tsv", ".parquet"]


@dataclass(frozen=True, slots=True)
class Layout:
    """The fields of a known data set, its split to train on, and the one to evaluate on."""

    prompt: str
    answer: str
    answer_in: AnswerIn = "text"
    subset: str | None = None
    split: str = "train"
    evaluation_split: str = "test"


KNOWN: dict[str, Layout] = {
    "agentica-org/DeepScaleR-Preview-Dataset": Layout("problem", "answer", evaluation_split="train"),
    "DigitalLearningGmbH/MATH-lighteval": Layout("problem", "solution", "boxed", subset="default"),
    "EleutherAI/hendrycks_math": Layout("problem", "solution", "boxed"),
    "HuggingFaceH4/aime_2024": Layout("problem", "answer", evaluation_split="train"),
    "HuggingFaceH4/MATH-500": Layout("problem", "answer", split="test"),
    "math-ai/aime25": Layout("problem", "answer", split="test"),
    "MathArena/aime_2025": Layout("problem", "answer", evaluation_split="train"),
    "nlile/hendrycks-MATH-benchmark": Layout("problem", "answer"),
    "openai/gsm8k": Layout("question", "answer", "hashes", subset="main"),
}


_ROWS = frozenset({"prompt", "answer", "answer_in", "keep", "drop_unanswered"})

KEYS: Mapping[str, frozenset[str]] = {
    "families": frozenset({"count", "n", "seed"}),
    "reasoning_gym": frozenset({"config", "n", "seed", "threshold", "drop_unanswered"}),
    "file": _ROWS,
    "dataset": _ROWS | {"subset", "split"},
}
"""The kinds of sources, and the keys that go with each."""


RESERVED = frozenset(
    {
        *("prompt", "prompts", "answer", "completion", "completions", "completion_ids", "budget"),
        *("environments", "log_extra", "log_metric", "trainer_state"),
    }
)
"""What reward functions are called with beside the columns of a row, by TRL's names and BRPO's own."""


class DataSource(BaseModel):
    """Where the problems of a run come from: exactly one of `families`, `reasoning_gym`, `file` and `dataset`.

    `families` are drawn by their weights, `n` problems of `count` items. `reasoning_gym` names a data set of that
    library, of which `n` problems are drawn with its `config` and `seed`; its own scorer judges the answers, and a
    score of at least `threshold` is right.

    `prompt` and `answer` name the fields of a file or data set, with dots where they lie in others
    (`reward_model.ground_truth`); `answer_in` says where the answer is in its field. Left out, they are known from the
    data set's id, or found by name and by looking at the rows. `keep` names further columns. A row without an answer is
    an error unless `drop_unanswered`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    families: Annotated[dict[str, Annotated[float, Field(ge=0)]], Field(min_length=1)] | None = None
    count: tuple[int, int] = (2, 8)
    n: int | None = Field(default=None, ge=1)
    seed: int = Field(default=0, ge=0)
    reasoning_gym: str | None = Field(default=None, min_length=1)
    config: dict[str, Any] = Field(default_factory=dict)
    threshold: float = Field(default=1.0, gt=0, le=1)
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
        given = [key for key in KEYS if getattr(self, key) is not None]
        if len(given) != 1:
            kinds = f"{', '.join(list(KEYS)[:-1])} and {list(KEYS)[-1]}"
            raise ValueError(f"give exactly one of {kinds}, not {', '.join(given) or 'none'}")
        belong = KEYS[given[0]]
        if stray := sorted(self.model_fields_set - belong - {"max_prompt_tokens", *given} - self._unset()):
            raise ValueError(f"{', '.join(stray)}: not a key of a source with {given[0]}; it takes {sorted(belong)}")
        if self.families is not None:
            self._check_families(self.families)
        if self.reasoning_gym is not None and self.n is None:
            raise ValueError("n: give the number of problems to draw from reasoning_gym")
        if self.file is not None:
            format_of(self.file)
        if reserved := sorted(RESERVED & set(self.keep)):
            raise ValueError(f"keep {reserved}: a verifier gets something else by that name; name the column otherwise")
        return self

    def __str__(self) -> str:
        """What it is, in a few words."""
        if self.families is not None:
            return f"{self.n} problems of {', '.join(self.families)}"
        if self.reasoning_gym is not None:
            return f"{self.n} problems of reasoning_gym's {self.reasoning_gym}"
        return str(self.file or self.dataset)

    @property
    def name(self) -> str:
        """What its curve is called: the families, the data set, or the file without its ending."""
        if self.file is not None:
            return self.file.name.removesuffix(PACKED).rpartition(".")[0]
        return self.reasoning_gym or self.dataset or ", ".join(self.families or ())

    def _unset(self) -> set[str]:
        return {key for key in self.model_fields_set if getattr(self, key) is None}

    def _check_families(self, families: Mapping[str, float]) -> None:
        if unknown := sorted(set(families) - set(tasks.FAMILIES)):
            raise ValueError(f"families {unknown} are unknown; known: {sorted(tasks.FAMILIES)}")
        if not sum(families.values()) > 0:
            raise ValueError("families: at least one weight must be above 0")
        if not 2 <= self.count[0] <= self.count[1] <= MAX_CANDIDATES:
            raise ValueError(f"count {list(self.count)} must go from at least 2 to at most {MAX_CANDIDATES}")
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
