"""`litellm.completion` for a model `openai/NAME`, as far as the example goes: LiteLLM hands it to OpenAI's SDK.

Imported in its place where LiteLLM itself is not installed.
"""

from typing import Any

from openai import OpenAI
from openai.types.chat import ChatCompletion


def completion(model: str, api_base: str, api_key: str, **fields: Any) -> ChatCompletion:
    """Ask the server at `api_base` for its model NAME."""
    provider, _, name = model.partition("/")
    if provider != "openai":
        raise ValueError(model)
    return OpenAI(base_url=api_base, api_key=api_key).chat.completions.create(model=name, **fields)
