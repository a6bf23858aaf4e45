"""Commands and their outcomes, as replicas send them to each other."""

import json
from collections.abc import Mapping

from pydantic import TypeAdapter

from anytime_client.protocol import ReasonDocument
from anytime_server.errors import AnytimeError, kinds_of_errors
from anytime_server.reasoning.stores.contract import Command, CommandName

COMMAND, REPLY = b"command", b"reply"
"""The field that holds a message's id, by its kind."""

COMMAND_NAME: TypeAdapter[CommandName] = TypeAdapter(CommandName)


def command_message(id: str, sender: str, session_id: str, command: Command) -> dict[str, str | int]:
    """Return a command as a message."""
    optional = {} if command.key is None else {"key": command.key.encode(errors="surrogatepass").hex()}
    return {
        COMMAND.decode(): id,
        "sender": sender,
        "session": session_id,
        "name": command.name,
        "budget": command.budget,
        "relative": int(command.relative),
        **optional,
    }


def command_of(message: Mapping[bytes, bytes]) -> Command:
    """Read a command."""
    key = message.get(b"key")
    return Command(
        COMMAND_NAME.validate_strings(message[b"name"].decode()),
        budget=int(message[b"budget"]),
        relative=message[b"relative"] == b"1",
        key=None if key is None else bytes.fromhex(key.decode()).decode(errors="surrogatepass"),
    )


def outcome_message(id: str, outcome: ReasonDocument | AnytimeError | None) -> dict[str, str | int]:
    """Return what became of a command as a message; None: the session is not run here."""
    reply: dict[str, str | int] = {REPLY.decode(): id}
    if isinstance(outcome, AnytimeError):
        reply["error"] = error_json(outcome)
    elif outcome is not None:
        reply["document"] = outcome.model_dump_json()
    return reply


def outcome_of(message: Mapping[bytes, bytes]) -> ReasonDocument | AnytimeError | None:
    """Read what became of a command."""
    if (error := message.get(b"error")) is not None:
        return error_of(error.decode())
    document = message.get(b"document")
    return None if document is None else ReasonDocument.model_validate_json(document)


def error_json(error: AnytimeError) -> str:
    """Return an error as JSON."""
    return json.dumps(
        {
            "class": type(error).__name__,
            "message": error.message,
            "param": error.param,
            "retry_after": error.retry_after,
            "code": error.code,
        }
    )


def error_of(text: str) -> AnytimeError:
    """Read an error. Of a class that only another version has, the nearest is made: a plain one, with status 500."""
    told = json.loads(text)
    known = {kind.__name__: kind for kind in kinds_of_errors()}
    kind = known.get(told["class"], AnytimeError)
    return kind(told["message"], param=told["param"], retry_after=told["retry_after"], code=told["code"])
