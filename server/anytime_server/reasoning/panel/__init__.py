"""Sessions with several trunks: they think side by side under one budget, and vote on the answer.

Each trunk is a `member`: it has legs, interim answers and a course of its own, as the only trunk of a session has, and
stops where its thinking is closed. The `rounds` are the votes at the checkpoints. In the `deliberation` they think and
vote until there is a reason to end it; the `panel` runs it all, and has the trunk that stands for the winner answer.
"""

from anytime_server.reasoning.panel.panel import Panel

__all__ = ["Panel"]
