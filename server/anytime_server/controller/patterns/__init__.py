"""Regular expressions over thinking that is still being written, in time that is linear in its length.

A pattern is read into a tree (`syntax`, `tree`), that becomes a small program (`program`), and that runs over the text
as an automaton (`automaton`, `machine`), character by character (`search`). Nothing is looked at twice, so no pattern
and no text can stall a server as a backtracking engine can be stalled: the way of RE2 (Thompson, 1968; Cox,
https://swtch.com/~rsc/regexp).
"""

from anytime_server.controller.patterns.search import Pattern, PatternSearch, compile_pattern

__all__ = ["Pattern", "PatternSearch", "compile_pattern"]
