"""Write the fields of a request into the docstrings of the SDK's `reason` and `stream`, from the protocol.

    python docs/scripts/sdk_docstrings.py

They stand in the sources, since that is where editors look for what they show at a pointer. A test holds the two
equal; `make format` runs this.
"""

import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from anytime_client._calls import GRACE_MS
from anytime_client._fields import ReasonFields
from anytime_client.protocol import ReasonRequest

CLIENT = Path(__file__).parents[2] / "client" / "anytime_client"
SOURCES = (CLIENT / "_client.py", CLIENT / "_async_client.py")
BEGIN = "            question: a prompt or a conversation; or give `messages`. Beside it, the fields of a request:\n"
"""The line that the list follows, up to the first line that is not indented as deeply."""
SDKS_OWN = {"grace_ms": GRACE_MS}
"""Defaults of the SDK that are not the protocol's."""
INDENT = " " * 12
WIDTH = 120


def rewritten(source: str) -> str:
    """Return a module with the list in every docstring that has its first line."""
    first, *rest = source.split(BEGIN)
    return first + "".join(BEGIN + "".join(field_lines()) + _after_the_list(part) for part in rest)


def field_lines() -> Iterator[str]:
    """Yield the lines of the list."""
    for name in ReasonFields.__annotations__:
        field = ReasonRequest.model_fields[name]
        yield from _entry(name, field, INDENT)
        for inner in _parts(field.annotation):
            for key, part in inner.model_fields.items():
                yield from _entry(part.alias or key, part, INDENT + "    ")


def _entry(name: str, field: FieldInfo, indent: str) -> Iterator[str]:
    text = f"{name}: {field.description}{_default(name, field)}."
    for line in textwrap.wrap(text, WIDTH, initial_indent=indent, subsequent_indent=f"{indent}    "):
        yield f"{line}\n"


def _default(name: str, field: FieldInfo) -> str:
    default = SDKS_OWN.get(name, field.default)
    is_plain = isinstance(default, int | float | str) and default is not False
    return f"; default: {default}" if is_plain else ""


def _parts(annotation: Any) -> Iterator[type[BaseModel]]:
    """Yield the models that a field may be, but not those of which it holds a list."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    elif getattr(annotation, "__origin__", None) is not list:
        for each in get_args(annotation):
            yield from _parts(each)


def _after_the_list(text: str) -> str:
    lines = text.splitlines(keepends=True)
    length = next(number for number, line in enumerate(lines) if not line.startswith(INDENT))
    return "".join(lines[length:])


def main() -> None:
    """Rewrite the sources."""
    for path in SOURCES:
        path.write_text(rewritten(path.read_text(encoding="utf-8")), encoding="utf-8")


if __name__ == "__main__":
    main()
