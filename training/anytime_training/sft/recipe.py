"""The schema of SFT recipes: a curriculum on synthetic problems, for a model from scratch."""

from typing import Annotated, ClassVar, Literal

from pydantic import Field, model_validator

from anytime_training.embedded.model import ModelShape
from anytime_training.problems.tasks import FAMILIES
from anytime_training.problems.tasks.selection import MAX_CANDIDATES
from anytime_training.problems.tasks.style import STYLE, Style
from anytime_training.settings import Count, Frozen, Share


class LossWeights(Frozen):
    """The weight of a token's loss by what it asks of the model.

    `choice` says what to work on next, `result` is a worked-out number, `decision` a comparison, `end` the end of the
    thinking, `answer` an answer.
    """

    text: float = Field(ge=0)
    choice: float = Field(ge=0)
    result: float = Field(ge=0)
    decision: float = Field(ge=0)
    end: float = Field(ge=0)
    answer: float = Field(ge=0)


class Rows(Frozen):
    """What a training row holds.

    `cuts` random-cut answers off each trunk, `full_share` of them full ones, `uncut_share` of them before any thinking;
    `history` is the share of prompts that follow an earlier turn. Answers at cuts give the best so far, but for
    `guess_share` of them, which guess at what the end will be, and, if they are short, `none_share`, which say `none`.
    `json_share` of the answers are small JSON objects.
    """

    cuts: int = Field(ge=0)
    full_share: Share
    uncut_share: Share
    history: Share
    guess_share: Share = 0.0
    none_share: Share = 0.0
    json_share: Share = 0.0


class Optimiser(Frozen):
    """AdamW with a linear warm-up and a cosine decay to a tenth; `batch_rows` rows a step.

    `workers` processes draw the rows of the steps to come; 0 draws them between the steps. By default there are some
    beside a GPU, which would wait for rows, and none on a CPU, which has the training itself to do.
    `compile` runs the model through torch.compile: faster after a minute of compiling, but it needs a C++ compiler.
    `bf16` computes in bfloat16 by autocast where the processor has instructions for it; the weights stay float32.
    """

    learning_rate: float = Field(gt=0)
    warmup_steps: int = Field(ge=0)
    beta2: Share
    weight_decay: float = Field(ge=0)
    max_grad_norm: float = Field(gt=0)
    batch_rows: Count
    threads: Count
    workers: Annotated[int, Field(ge=0)] | None = None
    compile: bool
    bf16: bool = False


class Phase(Frozen):
    """A stage of the curriculum: `steps` steps on problems of `count` items, families drawn by their shares.

    `style` is what the manners of telling are drawn from.
    """

    name: str
    steps: Count
    count: tuple[int, int]
    families: dict[str, float]
    weights: LossWeights
    style: Style = STYLE

    @model_validator(mode="after")
    def _known(self) -> "Phase":
        if unknown := sorted(set(self.families) - set(FAMILIES)):
            raise ValueError(f"families {unknown} are unknown; known: {sorted(FAMILIES)}")
        if not 2 <= self.count[0] <= self.count[1] <= MAX_CANDIDATES:
            raise ValueError(f"count {list(self.count)} must go from at least 2 to at most {MAX_CANDIDATES}")
        return self


class SftRecipe(Frozen):
    """A whole SFT run."""

    METHOD: ClassVar[str] = "sft"

    method: Literal["sft"]
    seed: int
    model: ModelShape
    rows: Rows
    optimiser: Optimiser
    phases: Annotated[tuple[Phase, ...], Field(min_length=1)]

    @property
    def steps(self) -> int:
        """The steps of all phases."""
        return sum(phase.steps for phase in self.phases)

    def phase_at(self, step: int) -> Phase:
        """The phase of a step, counted from 0."""
        for phase in self.phases:
            if step < phase.steps:
                return phase
            step -= phase.steps
        return self.phases[-1]
