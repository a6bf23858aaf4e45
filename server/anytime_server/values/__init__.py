r"""Values: what an answer says, and when two answers say the same. Serving, training and evaluation share it.

    boxes         a text's last \boxed{}, in every spelling
    lines         a text as its meaningful lines: fences, displays and rules opened or left out
    markup        a line without bullets, emphasis, maths delimiters and the full stop
    extraction    the value in an answer
    notation      one spelling for what LaTeX and Unicode spell in several ways
    numbers       numbers as people write them, exactly
    comparison    whether two values are the same: cheap, linear in their length
    groups        what several have said, put together by what it says
    mathematics   the same question put to math-verify, which may take for ever: run it in another process

Nothing in here imports a web framework, an engine or torch; math-verify only where it is asked.
"""

from anytime_server.values.boxes import last_boxed
from anytime_server.values.comparison import is_prose, may_be_equal, same_value
from anytime_server.values.extraction import after_cue, is_bare, short_value, value_of, whole_value
from anytime_server.values.groups import Same, groups

__all__ = [
    "Same",
    "after_cue",
    "groups",
    "is_bare",
    "is_prose",
    "last_boxed",
    "may_be_equal",
    "same_value",
    "short_value",
    "value_of",
    "whole_value",
]
