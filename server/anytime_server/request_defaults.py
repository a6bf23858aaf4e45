"""What `anytime serve` is told about requests that do not say. Nothing heavy is imported until it is read."""

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, TypeVar

if TYPE_CHECKING:
    from pydantic import TypeAdapter

    from anytime_server.reasoning import RequestDefaults

T = TypeVar("T")


def request_defaults(
    checkpoints: str | None, stop_when: str | None, deadline_ms: int | None, interim: Mapping[str, Any]
) -> "RequestDefaults":
    """Return what a request does that does not say, from the options of the same names.

    Raises:
        ValueError: naming the option.
    """
    from pydantic import TypeAdapter

    from anytime_client.protocol import CHECKPOINTS_ADAPTER, STOP_WHEN_ADAPTER, InterimOptions
    from anytime_server.reasoning import RequestDefaults

    if unknown := interim.keys() - InterimOptions.model_fields:
        has_not, has = ", ".join(sorted(unknown)), ", ".join(InterimOptions.model_fields)
        raise ValueError(f"--interim has no {has_not}; it has {has}")
    return RequestDefaults(
        checkpoints=_read(CHECKPOINTS_ADAPTER, checkpoints, "--checkpoints"),
        stop_when=_read(STOP_WHEN_ADAPTER, stop_when, "--stop-when"),
        deadline_ms=deadline_ms,
        interim=_read(TypeAdapter(InterimOptions), interim or None, "--interim"),
    )


def _read(adapter: "TypeAdapter[T]", value: Any, option: str) -> "T | None":
    from pydantic import ValidationError

    if value is None:
        return None
    try:
        return adapter.validate_python(value)
    except ValidationError as error:
        first = error.errors()[0]
        where = ".".join(str(part) for part in first["loc"] if isinstance(part, str) and part != "rule")
        what = first["msg"].removeprefix("Value error, ")
        raise ValueError(f"{option} {where}: {what}".replace(" :", ":")) from error
