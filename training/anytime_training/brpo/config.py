"""The settings of a BRPO run: TRL's GRPOConfig and the few that BRPO adds. Imports trl: import it where it is used."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, get_args

from trl import GRPOConfig

from anytime_server.controller import ThinkingFormat, Tokenizer
from anytime_training.algorithm.advantages import VarianceReduction, budget_prior
from anytime_training.brpo.scoring import TrainAnswers
from anytime_training.trees.flex import STEP, Shapes

UNKNOWN = 2**17
"""Tokens of context, where neither the model nor the run says."""

UNUSED = {
    "scale_rewards": "none",
    "mask_truncated_completions": False,
    "off_policy_mask_threshold": None,
    "chat_template_kwargs": None,
    "multi_objective_aggregation": "sum_then_normalize",
    "vllm_structured_outputs_regex": None,
    "cache_implementation": None,
}
"""Settings of TRL that would change nothing, or break a rollout, and what they are by themselves."""


@dataclass
class BRPOConfig(GRPOConfig):
    """GRPOConfig with budgets.

    Where TRL's defaults are not the paper's, the paper's stand: the `dr_grpo` loss, no division by the standard
    deviation, no KL term, token-wise importance correction. `max_completion_length` is the constant that the `dr_grpo`
    loss divides by; 0 makes it the most tokens a packed rollout can have.

    Args:
        budgets: thinking tokens at which answers are branched, increasing; the last is the most a rollout thinks.
        prior: `uniform`, `linear`, `base` or a weight for each budget.
        interim_samples: answers sampled at each budget.
        interim_max_tokens: the most tokens of an answer.
        variance_reduction: `brpo`, `v1`, `v2` or `none`.
        train_answers: `all`; `last`: only the last answer at the largest budget, as GRPO does; `none`: answers are
            sampled and rewarded, and have no gradient.
        answer_weight: factor of the answers' advantages. 1 is the paper's. Answers may have larger gradients than the
            thinking, and an optimizer like Adam divides both by the same size.
        thinking_format: a preset's name, or `auto`.
        closing: text that ends cut thinking, None for the format's.
        cue: text that starts an answer, None for the format's.
        dynamic_sample: replace groups whose rewards are all equal by groups of fresh prompts, as DAPO does.
        max_resample_times: the most rounds of fresh prompts a batch.
        compact: leave out tokens without a gradient, where the loss allows it.
        max_tokens_per_forward: rows of a batch go forward and backward through the model in groups of at most so many
            tokens, padding counted, sorted by length, which bounds memory and changes no gradient; a longer row is a
            group by itself. None puts all into one group.
        flex_step: where the model runs flex_attention, rows are padded to a multiple of so many tokens (shorter ones to
            a power of two), since it is compiled anew for each length.
        vllm_max_num_seqs: the sequences that colocated vLLM generates at a time, at least as many as TRL's own number:
            a batch of rollouts has many more answers than rollouts.
    """

    budgets: list[int] = field(default_factory=lambda: [2000, 4000, 6000, 8000])
    prior: Any = "linear"
    interim_samples: int = 4
    interim_max_tokens: int = 128
    variance_reduction: str = "brpo"
    train_answers: str = "all"
    answer_weight: float = 1.0
    thinking_format: str = "auto"
    closing: str | None = None
    cue: str | None = None
    dynamic_sample: bool = False
    max_resample_times: int = 3
    compact: bool = True
    max_tokens_per_forward: int | None = None
    flex_step: int = STEP
    vllm_max_num_seqs: int = 256
    max_completion_length: int = 0
    loss_type: str = "dr_grpo"
    scale_rewards: str = "none"
    beta: float = 0.0
    temperature: float = 1.0
    vllm_importance_sampling_mode: str = "token_truncate"

    def __post_init__(self) -> None:
        """Check what BRPO adds, then what TRL checks.

        Raises:
            ValueError: naming the setting and what to do.
        """
        self._check_budgets()
        self._check_choices()
        self._check_groups()
        Shapes(self.flex_step)
        if self.max_completion_length == 0:
            answers = len(self.budgets) * self.interim_samples
            self.max_completion_length = self.budgets[-1] + answers * self.interim_max_tokens
        super().__post_init__()

    def format_of(self, tokenizer: Tokenizer) -> ThinkingFormat:
        """Return the model's thinking format with the run's own closing and cue.

        Raises:
            FormatError: if the model has none, or one of these would end the sequence.
        """
        return ThinkingFormat.resolve(tokenizer, self.thinking_format).override(tokenizer, self.closing, self.cue)

    @property
    def can_compact(self) -> bool:
        """Whether tokens without an advantage have no gradient and no part in the loss's denominator."""
        only_policy = self.beta == 0 and self.entropy_coef == 0 and not self.use_adaptive_entropy
        return self.compact and self.loss_type == "dr_grpo" and only_policy and self.top_entropy_quantile == 1.0

    def flex_shapes(self, context: int | None, forced: int) -> int:
        """How many shapes flex_attention is compiled for, where `forced` tokens lead to an answer."""
        room = self.prompt_room(min(context or UNKNOWN, self.vllm_max_model_length or UNKNOWN), forced)
        answers = len(self.budgets) * self.interim_samples
        longest = room + self.budgets[-1] + answers * (forced + self.interim_max_tokens)
        rows = max(self.per_device_train_batch_size, self.per_device_eval_batch_size)
        return Shapes(self.flex_step).count(longest, rows)

    @property
    def can_split(self) -> bool:
        """Whether the gradient of a batch is the sum of those of groups of its rows."""
        return not self._of_whole_batches()

    def prompt_room(self, context: int, forced: int) -> int:
        """Tokens that a context leaves for a prompt beside the longest thinking, `forced` tokens and an answer."""
        return context - self.budgets[-1] - forced - self.interim_max_tokens

    def _check_budgets(self) -> None:
        budgets: Sequence[int] = self.budgets
        increasing = all(low < high for low, high in zip([0, *budgets], budgets, strict=False))
        if not budgets or not increasing:
            raise ValueError(f"budgets {list(budgets)} must be increasing numbers of tokens from 1 on, at least one")
        budget_prior(self.prior, budgets)
        for name in ("interim_samples", "interim_max_tokens", "max_resample_times", "vllm_max_num_seqs"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} must be at least 1, not {getattr(self, name)}")

    def _check_choices(self) -> None:
        for name, kind in (("variance_reduction", VarianceReduction), ("train_answers", TrainAnswers)):
            value, known = getattr(self, name), get_args(kind)
            if value not in known:
                raise ValueError(f"{name} {value!r} is unknown; known: {', '.join(known)}")
        if not 0 <= self.answer_weight < float("inf"):
            raise ValueError(f"answer_weight must be a number from 0 on, not {self.answer_weight}")
        if self.use_vllm and not self.vllm_importance_sampling_mode.startswith("token"):
            raise ValueError(
                f"vllm_importance_sampling_mode {self.vllm_importance_sampling_mode!r} weighs whole sequences, and a "
                "packed tree is not one; use token_truncate or token_mask"
            )
        for name, value in UNUSED.items():
            if getattr(self, name) not in (value, False):
                raise ValueError(f"{name} must stay {value!r}: BRPO has no use for it")
        self._check_generation()
        if self.loss_type == "vespo":
            raise ValueError("loss_type 'vespo' weighs whole sequences, and a packed tree is not one; use dr_grpo")
        if self.importance_sampling_level != "token":
            raise ValueError("importance_sampling_level must be token: a packed tree is not one sequence")

    def _check_generation(self) -> None:
        for name, value in {"repetition_penalty": 1.0, "generation_kwargs": None}.items():
            if getattr(self, name) != value and not self.use_vllm:
                raise ValueError(f"{name} must stay {value} without vLLM: answers would be sampled without it")
        for name in ("max_tokens", "n"):
            if isinstance(self.generation_kwargs, dict) and name in self.generation_kwargs:
                raise ValueError(
                    f"generation_kwargs: take {name} out; budgets, interim_max_tokens and interim_samples set it"
                )

    def _check_groups(self) -> None:
        if self.max_tokens_per_forward is None:
            return
        if self.max_tokens_per_forward < 1:
            raise ValueError(f"max_tokens_per_forward must be at least 1, not {self.max_tokens_per_forward}")
        for name in self._of_whole_batches():
            raise ValueError(
                f"max_tokens_per_forward computes a group of rows at a time, and {name} looks at the entropies of all; "
                "leave one of them out, and lower per_device_train_batch_size where memory is short"
            )

    def _of_whole_batches(self) -> list[str]:
        """Settings whose loss is no sum over groups of rows."""
        neutral = {"top_entropy_quantile": 1.0, "use_adaptive_entropy": False}
        return [name for name, value in neutral.items() if getattr(self, name) != value]
