"""Calls as GLM writes them: the name, then each argument as a pair of tags."""

import re

from anytime_server.api.openai.tools.called import Offered, Read, call
from anytime_server.api.openai.tools.typed import typed

NAME = re.compile(r"\s*([\w.-]{1,256})\s*(?=<arg_key>|$)")
KEY = re.compile(r"\s*<arg_key>([^<>]{1,256})</arg_key>\s*<arg_value>")
VALUE_END = "</arg_value>"


def read_arg_pairs(inside: str, offered: Offered) -> Read | None:
    """Read `add<arg_key>a</arg_key><arg_value>1</arg_value>`; a name alone calls a tool that was offered."""
    named = NAME.match(inside)
    if named is None:
        return None
    name, position = named[1], named.end()
    if position == len(inside) and name not in offered:
        return None
    arguments = {}
    while pair := KEY.match(inside, position):
        end = inside.find(VALUE_END, pair.end())
        value = inside[pair.end() : end if end >= 0 else len(inside)]
        key = pair[1].strip()
        arguments[key] = typed(key, value, offered.get(name) or {})
        position = end + len(VALUE_END) if end >= 0 else len(inside)
    made = call(name, arguments) if not inside[position:].strip() else None
    return None if made is None else Read([made])
