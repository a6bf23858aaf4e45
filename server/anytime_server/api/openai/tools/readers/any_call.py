"""Calls in `<tool_call>`, a tag that many families share: what stands in it tells which form it is."""

from anytime_server.api.openai.tools.called import Offered, Read
from anytime_server.api.openai.tools.readers.arg_pairs import read_arg_pairs
from anytime_server.api.openai.tools.readers.json_calls import read_json_calls
from anytime_server.api.openai.tools.readers.xml_calls import read_xml_calls


def read_any(inside: str, offered: Offered) -> Read | None:
    """Read JSON objects, functions as tags, or a name with pairs of tags."""
    begin = inside.lstrip()
    if begin.startswith(("{", "[", "```")):
        return read_json_calls(inside, offered)
    if begin.startswith("<"):
        return read_xml_calls(inside, offered)
    return read_arg_pairs(inside, offered)
