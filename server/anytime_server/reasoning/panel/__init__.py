"""Sessions with several trunks: they think side by side under one budget, and vote on the answer.

Each trunk is what the only one of a session is: a `Generation`, with legs, interim answers and a course of its own
(`member`). It stops where its thinking is closed. The `rounds` are the votes at the checkpoints, and the `panel` runs
it all: it shares out the budget, stops what has to stop, and has the trunk that stands for the winner write the answer.
"""

from anytime_server.reasoning.panel.panel import Panel

__all__ = ["Panel"]
