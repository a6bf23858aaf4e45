"""What a BRPO trainer logs, in the places that TRL logs from. Imports torch: import it where it is used."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from accelerate.utils import gather_object

from anytime_training.brpo.judge import Judged
from anytime_training.brpo.metrics import PACKED_TOKENS, counts, metrics, samples
from anytime_training.brpo.scoring import Scorer
from anytime_training.rollouts.collector import Collector
from anytime_training.trees.packing import Packed


class Journal:
    """Writes into the metrics and the table of completions of a TRL trainer."""

    def __init__(self, trainer: Any, collector: Collector, scorer: Scorer) -> None:
        self._trainer, self._collector, self._scorer = trainer, collector, scorer

    def log(self, mode: str, values: Mapping[str, float]) -> None:
        """Add to the means of the next logged step."""
        for name, value in values.items():
            self._trainer._metrics[mode][name].append(value)

    def rollouts(self, mode: str, judged: Judged, rows: Sequence[Packed]) -> None:
        """Log a batch of rollouts, packed as `rows`; all processes must call it."""
        trainer, rollouts, budgets = self._trainer, judged.rollouts, self._collector.budgets
        own_RC = torch.tensor(counts(rollouts, rows, budgets), device=trainer.accelerator.device)
        counts_RC = trainer.accelerator.gather(own_RC)
        self.log(mode, metrics(judged.rewarded, budgets, counts_RC))
        self._of_reward_functions(mode)
        seconds = {"thinking": rollouts.thinking_s, "answers": rollouts.answers_s, "rewards": judged.rewards_s}
        self.log(mode, {f"seconds/{name}": value for name, value in seconds.items()})
        if mode == "train":
            trainer.state.num_input_tokens_seen += int(counts_RC[:, PACKED_TOKENS].sum())
        trainer._metrics[mode]["num_tokens"] = [trainer.state.num_input_tokens_seen]
        if trainer.log_completions:
            self._table(judged)

    def _of_reward_functions(self, mode: str) -> None:
        """Log the means of what reward functions told by TRL's `log_metric`.

        What they told by `log_extra`, one value an answer, has no place in a table of rollouts.
        """
        trainer, told = self._trainer, self._trainer._pending_metrics
        for name in sorted(set(gather_object(list(told)))):
            own_2 = torch.tensor([sum(told[name]), len(told[name])], device=trainer.accelerator.device)
            total, count = trainer.accelerator.gather(own_2.float()).view(-1, 2).sum(0).tolist()
            self.log(mode, {name: total / count})
        told.clear()
        trainer._pending_extra_logs.clear()

    def _table(self, judged: Judged) -> None:
        logs, rewarded = self._trainer._logs, judged.rewarded
        logs["prompt"].extend(gather_object([example["prompt"] for example in judged.inputs]))
        logs["completion"].extend(gather_object(samples(judged.rollouts, self._collector, self._scorer.samples)))
        logs["rewards"]["anytime"].extend(rewarded.anytime_BG.flatten().tolist())
        first_BG = self._scorer.advantages(rewarded).thinking_BGS[..., 0]
        logs["advantages"].extend(first_BG.flatten().tolist())
