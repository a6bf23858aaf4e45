"""How families write a call inside their marks: each function reads one form (see `called.Reader`)."""

from anytime_server.api.openai.tools.readers.any_call import read_any
from anytime_server.api.openai.tools.readers.arg_pairs import read_arg_pairs
from anytime_server.api.openai.tools.readers.json_calls import read_json_calls, read_named_objects, read_offered_calls
from anytime_server.api.openai.tools.readers.named_json import (
    read_deepseek,
    read_gemma,
    read_kimi,
    read_mistral,
)
from anytime_server.api.openai.tools.readers.python_calls import (
    read_offered_python_calls,
    read_python_calls,
)
from anytime_server.api.openai.tools.readers.xml_calls import read_function, read_invoke, read_xml_calls

__all__ = [
    "read_any",
    "read_arg_pairs",
    "read_deepseek",
    "read_function",
    "read_gemma",
    "read_invoke",
    "read_json_calls",
    "read_kimi",
    "read_mistral",
    "read_named_objects",
    "read_offered_calls",
    "read_offered_python_calls",
    "read_python_calls",
    "read_xml_calls",
]
