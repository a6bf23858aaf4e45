"""From rollouts to training rows: what reward functions are shown, their rewards, advantages, packed trees."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

from anytime_training.algorithm.credit import Advantages, CreditRule, Rewarded
from anytime_training.rollouts.collector import Collector, Rollouts
from anytime_training.trees.packing import Packed, Scored, pack

if TYPE_CHECKING:
    import torch

TrainAnswers = Literal["all", "last", "none"]
NO_ADVANTAGE = 1e-9
"""An advantage below this is what rounding leaves of zero."""


@dataclass(frozen=True)
class Completions:
    """What reward functions are called with, one entry an answer: R * S * A entries, rollout by rollout.

    `columns` are the row of the data set that the answer belongs to, with its `budget`. A text is the cue and the
    answer; it is empty where the rollout could not be answered.
    """

    columns: list[dict[str, Any]]
    prompts: list[Any]
    texts: list[Any]
    ids: list[list[int]]


@dataclass(frozen=True)
class Scorer:
    """Turns rewards into training rows, with the same `credit` rule for the rollouts of all processes.

    `samples` is the number of answers at each budget. `train_answers` says which of them have a gradient: all, the last
    one at the largest budget, or none; `answer_weight` is the factor of their advantages. `compact` is that of
    `packing.pack`.
    """

    budgets: Sequence[int]
    samples: int
    prior_S: "torch.Tensor"
    credit: CreditRule
    train_answers: TrainAnswers = "all"
    answer_weight: float = 1.0
    compact: bool = True

    def completions(self, inputs: Sequence[Mapping[str, Any]], rollouts: Rollouts, collector: Collector) -> Completions:
        """What the reward functions see of rollouts, whose rows of the data set are `inputs`.

        Texts are messages of an assistant where the prompts are messages.
        """
        columns = [
            {**example, "budget": budget} for example in inputs for budget in self.budgets for _ in range(self.samples)
        ]
        ids = [reply for rollout in rollouts.rows for reply in rollout.answers]
        texts: list[Any] = [collector.cue + collector.text(reply) if reply else "" for reply in ids]
        if not isinstance(inputs[0]["prompt"], str):
            texts = [[{"role": "assistant", "content": text}] for text in texts]
        return Completions(columns, [example["prompt"] for example in columns], texts, ids)

    def rewarded(
        self,
        rewards_NF: "torch.Tensor",
        weights_F: "torch.Tensor",
        answered_N: "torch.Tensor",
        truncation_RS: "torch.Tensor",
        group: int,
    ) -> Rewarded:
        """Weigh the rewards of all processes, in groups of `group` rollouts; N = R * S * A, rollout by rollout.

        An answer that every reward function (F) left out, by None or NaN, has no reward. Whatever they say of an answer
        that there is not, it has reward 0.
        """
        S, A = len(self.budgets), self.samples
        rewards_N = (rewards_NF * weights_F.to(rewards_NF)).nansum(1)
        rewards_N = rewards_N.masked_fill(rewards_NF.isnan().all(1), float("nan")).masked_fill(~answered_N, 0.0)
        return Rewarded(
            rewards_BGSA=rewards_N.view(-1, group, S, A).double(),
            truncation_BGS=truncation_RS.view(-1, group, S),
            prior_S=self.prior_S.to(rewards_N.device).double(),
        )

    def advantages(self, rewarded: Rewarded) -> Advantages:
        """The credit rule's advantages, without those of answers that are not trained."""
        import torch

        thinking_BGS, interim_BGSA = self.credit(rewarded)
        if self.train_answers != "all":
            kept_BGSA = torch.zeros_like(interim_BGSA)
            if self.train_answers == "last":
                kept_BGSA[..., -1, -1] = interim_BGSA[..., -1, -1]
            interim_BGSA = kept_BGSA
        interim_BGSA = self.answer_weight * interim_BGSA
        numbers = (values.nan_to_num(0.0) for values in (thinking_BGS, interim_BGSA))
        return Advantages(*(values.masked_fill(values.abs() < NO_ADVANTAGE, 0.0) for values in numbers))

    def rows(self, rollouts: Rollouts, rewarded: Rewarded, process: int) -> list[Packed]:
        """The packed rows of the rollouts of one process, by its place among all."""
        advantages = self.advantages(rewarded)
        own = slice(process * len(rollouts.rows), (process + 1) * len(rollouts.rows))
        thinking_RS = advantages.thinking_BGS.flatten(0, 1)[own].tolist()
        interim_RN = advantages.interim_BGSA.flatten(2).flatten(0, 1)[own].tolist()
        scored = [
            Scored(one.stem, self.budgets, one.answers, thinking_S, interim_N, one.trunk_logps, one.answer_logps)
            for one, thinking_S, interim_N in zip(rollouts.rows, thinking_RS, interim_RN, strict=True)
        ]
        return [pack(rollout, self.compact) for rollout in scored]
