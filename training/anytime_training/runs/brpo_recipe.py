"""The schema of BRPO recipes: model, problems, reward, and any setting of the trainer."""

from typing import Any, ClassVar, Literal

from pydantic import Field

from anytime_training.problems import DataSource
from anytime_training.settings import Count, Frozen, Share


class Lora(Frozen):
    """Train low-rank adapters in place of the weights; needs peft."""

    r: Count = 16
    alpha: Count = 32
    dropout: Share = 0.0
    target_modules: str | tuple[str, ...] = "all-linear"


class BrpoModel(Frozen):
    """The model to train: a folder, a Hub id, or `anytime-tiny`, the embedded model.

    `dtype` is what the weights are kept in; with float32 and the trainer's `bf16`, they are computed with in bfloat16.
    """

    path: str = Field(min_length=1)
    dtype: Literal["float32", "bfloat16", "float16"] = "float32"
    lora: Lora | None = None


class RewardSettings(Frozen):
    """The verifier of answers: exact, math, module:function or path/to/file.py:function.

    A verification that takes longer than `timeout_s` earns nothing; `workers` processes verify at a time. With
    `strict`, only the first paragraph after the cue is judged (see `rewards.strict`). Problems of reasoning_gym are
    judged by that library's own scorers, whatever the `verifier`.
    """

    verifier: str = "exact"
    strict: bool = True
    timeout_s: float = Field(default=5.0, gt=0)
    workers: Count = 2


class BrpoRecipe(Frozen):
    """A whole BRPO run.

    `instruction` is added to the end of every prompt. Problems of `evaluation_data` are left out of `data`. `trainer`
    holds settings of BRPOConfig; they are checked when the run starts, since that needs trl.
    """

    METHOD: ClassVar[str] = "brpo"

    method: Literal["brpo"]
    seed: int = Field(default=0, ge=0)
    threads: Count | None = None
    model: BrpoModel
    data: DataSource
    instruction: str | None = None
    evaluation_data: DataSource | None = None
    reward: RewardSettings = RewardSettings()
    trainer: dict[str, Any] = Field(default_factory=dict)

    def with_model(self, path: str) -> "BrpoRecipe":
        """The recipe with another model."""
        return self.model_copy(update={"model": self.model.model_copy(update={"path": path})})
