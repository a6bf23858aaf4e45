"""What the package offers, what importing it costs, and what its types must keep up with."""

import re
import subprocess
import sys
from inspect import getmembers, signature
from pathlib import Path

import pytest

import anytime_client
from anytime_client import Anytime, AsyncAnytime, AsyncStream, Stream, _errors, _fields, _public
from anytime_client.protocol import ReasonRequest


def test_the_public_list_is_what_is_offered():
    offered = [name for name in vars(_public) if not name.startswith("_")]
    assert sorted(offered) == anytime_client.__all__ == dir(anytime_client)
    for name in offered:
        assert getattr(anytime_client, name) is getattr(_public, name)


def test_another_name_is_an_error():
    with pytest.raises(AttributeError, match="no attribute 'Anytim'"):
        anytime_client.Anytim  # noqa: B018


@pytest.mark.parametrize(
    ("code", "heavy"),
    [
        ("import anytime_client", ["httpx", "pydantic", "rich", "typer", "torch", "asyncio", "anytime_server"]),
        ("from anytime_client import protocol", ["httpx", "rich", "typer", "torch", "anytime_server"]),
        ("from anytime_client import Anytime; Anytime()", ["typer", "torch", "fastapi", "anytime_server"]),
    ],
)
def test_an_import_loads_no_more_than_it_needs(code, heavy):
    check = f"import sys; {code}; loaded = set({heavy}) & set(sys.modules); assert not loaded, loaded"
    done = subprocess.run([sys.executable, "-c", check], capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stderr


def test_only_the_progress_bar_imports_rich():
    sources = {path.name: path.read_text() for path in Path(_public.__file__).parent.glob("_*.py")}
    assert [name for name, text in sources.items() if re.search(r"(import|from) (rich|typer)", text)] == [
        "_progress.py"
    ]


def test_the_tree_in_the_docstring_is_the_tree_of_errors():
    drawn = re.findall(r"^([│ ]*)(?:[├└]── )?(\w+Error)\b", _errors.__doc__.split("Every one")[0], re.MULTILINE)
    parents, path = {}, []
    for indent, name in drawn:
        depth = len(indent) // 4 + (name != "AnytimeError")
        path[depth:] = [name]
        parents[name] = path[depth - 1] if depth else "Exception"
    classes = {name: kind for name, kind in getmembers(_errors) if name.endswith("Error")}
    assert {name: kind.__bases__[0].__name__ for name, kind in classes.items()} == parents
    assert set(classes) <= set(anytime_client.__all__)


def test_the_typed_fields_are_those_of_a_request():
    not_given_by_name = {"prompt", "stream"}
    assert set(_fields.ReasonFields.__annotations__) == set(ReasonRequest.model_fields) - not_given_by_name


@pytest.mark.parametrize(
    ("typed", "model"),
    [
        (_fields.MessageDict, "ChatMessage"),
        (_fields.CheckpointRuleDict, "CheckpointRule"),
        (_fields.InterimOptionsDict, "InterimOptions"),
        (_fields.StopWhenDict, "StopWhen"),
    ],
)
def test_the_typed_dictionaries_are_the_models(typed, model):
    assert set(typed.__annotations__) == set(getattr(anytime_client, model).model_fields)


@pytest.mark.parametrize(("blocking", "on_asyncio"), [(Anytime, AsyncAnytime), (Stream, AsyncStream)])
def test_both_kinds_have_the_same_surface(blocking, on_asyncio):
    def surface(kind):
        return {
            name: None if isinstance(member, property) else list(signature(member).parameters)
            for name, member in getmembers(kind)
            if not name.startswith("_")
        }

    assert surface(blocking) == surface(on_asyncio)
