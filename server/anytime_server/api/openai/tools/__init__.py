"""Tool calls in answers: each model family writes them in its own form.

`choose` finds the form of the served model, `parser_for` gives the parser of one answer. Calls that a client insists on
have one form for all: `forced`. A form is a few lines in
`forms`: the blocks that calls stand in, and a reader from `readers` for what is inside.
"""

from anytime_server.api.openai.tools.answers import parse, parser_for
from anytime_server.api.openai.tools.called import Piece
from anytime_server.api.openai.tools.choice import AUTO, check_parser_name, choose
from anytime_server.api.openai.tools.forced import forced_schema
from anytime_server.api.openai.tools.forms import FAMILIES, Form, Parser

__all__ = [
    "AUTO",
    "FAMILIES",
    "Form",
    "Parser",
    "Piece",
    "check_parser_name",
    "choose",
    "forced_schema",
    "parse",
    "parser_for",
]
