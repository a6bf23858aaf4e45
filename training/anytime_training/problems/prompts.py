"""What a row asks, as messages."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from datasets import Dataset

Messages = list[dict[str, str]]

ROLES = ("system", "developer", "user", "assistant")


def as_messages(prompt: Any) -> Messages:
    """Read a prompt: a text, which the user says, or a list of messages, of which the user's is the last.

    Raises:
        ValueError: saying what is wrong with it, after the name of its field.
    """
    if isinstance(prompt, str) and prompt.strip():
        return [{"role": "user", "content": prompt}]
    if not isinstance(prompt, list) or not prompt:
        raise ValueError(f"holds no text: {prompt!r:.80}")
    messages = [_message(message) for message in prompt]
    if messages[-1]["role"] != "user":
        raise ValueError(f"ends with a message of the role {messages[-1]['role']!r}; the last one must be the user's")
    return messages


def with_instruction(problems: "Dataset", instruction: str) -> "Dataset":
    """Add an instruction to the end of every prompt, to its last message, as a paragraph of its own."""

    def add(row: dict[str, Any]) -> dict[str, Any]:
        *earlier, last = row["prompt"]
        return {"prompt": [*earlier, {**last, "content": f"{last['content']}\n\n{instruction}"}]}

    return problems.map(add)


def key_of(row: Mapping[str, Any]) -> str:
    """What makes two problems equal: all that is said before the answer, but for system messages, case and space."""
    said = (message["content"] for message in row["prompt"] if message["role"] not in ("system", "developer"))
    return " ".join(" ".join(said).split()).casefold()


def _message(message: Any) -> dict[str, str]:
    """A message with its role and its text."""
    if not isinstance(message, Mapping):
        raise ValueError(f"holds a message that is no object: {message!r:.80}")
    role, content = message.get("role"), message.get("content")
    if role not in ROLES:
        raise ValueError(f"holds a message of the role {role!r}; the roles are {', '.join(ROLES)}")
    if not isinstance(content, str) or not content.strip():
        raise ValueError(f"holds a message without text: {message!r:.80}")
    if others := sorted(name for name, value in message.items() if value and name not in ("role", "content")):
        raise ValueError(f"holds a message with {', '.join(others)}; only role and content can be trained on")
    return {"role": role, "content": content}
