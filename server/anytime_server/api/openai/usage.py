"""Usage in OpenAI's words."""

from collections.abc import Sequence
from typing import Any

from anytime_client.protocol import ReasonDocument


def usage_of(documents: Sequence[ReasonDocument]) -> dict[str, Any]:
    """Return the usage of a completion with these choices, which share one prompt.

    Interim answers are not part of the completion: they are in each choice's `anytime.usage`.
    """
    prompt = documents[0].usage
    reasoning = sum(document.usage.thinking for document in documents)
    completion = sum(document.usage.forced + document.usage.answer for document in documents) + reasoning
    return {
        "prompt_tokens": prompt.prompt,
        "completion_tokens": completion,
        "total_tokens": prompt.prompt + completion,
        "prompt_tokens_details": {"cached_tokens": prompt.prompt_cached},
        "completion_tokens_details": {"reasoning_tokens": reasoning},
    }
