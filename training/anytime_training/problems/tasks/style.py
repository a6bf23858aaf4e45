"""What the manners of traces are drawn from."""

from anytime_training.settings import Frozen, Share


class Style(Frozen):
    """What manners are drawn from.

    `promising` is the share of lines that take the most promising item that is left; `listed` the share of traces whose
    other lines follow the prompt's order, in place of a random one. `terse`, `normal` and `verbose` are weights.
    `fillers`, `rechecks` and `concludes` are the shares of traces with any filler, re-check, and conclusion.
    `named` notes the best so far of a selection with its expression, `9*8=72` in place of `72`, and so do the sentences
    of its findings: so the sentence can be copied from the line before it.
    """

    promising: Share = 0.3
    listed: Share = 0.3
    terse: float = 45
    normal: float = 40
    verbose: float = 15
    fillers: Share = 0.5
    rechecks: Share = 0.5
    concludes: Share = 0.4
    named: bool = False


STYLE = Style()
"""The style of traces where a recipe does not say."""
