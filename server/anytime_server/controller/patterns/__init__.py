"""Regular expressions over thinking that is still being written, in time that is linear in its length.

A pattern is read into parts (`syntax`), these become a small program (`program`), and that runs over the text as an
automaton, character by character (`search`). Nothing is ever looked at twice, so no pattern and no text can stall a
server as a backtracking engine can be stalled: the way of RE2 (Thompson, 1968; Cox, https://swtch.com/~rsc/regexp).
"""

from anytime_server.controller.patterns.program import Pattern, compile_pattern
from anytime_server.controller.patterns.search import PatternSearch

__all__ = ["Pattern", "PatternSearch", "compile_pattern"]
