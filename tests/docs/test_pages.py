"""What the pages must say, and that they lead somewhere."""

import re
from typing import get_args

import pytest
import typer

from anytime_client import protocol
from anytime_client.protocol import EVENT_ADAPTER
from anytime_server.api import create_app
from anytime_server.api.openapi.examples import recorded_run
from anytime_server.cli import serve
from anytime_server.controller import PRESETS
from anytime_server.errors import AnytimeError
from docs_pages import (
    BLOCK,
    FRONT_PAGE,
    IN_REPOSITORY,
    PAGES,
    RAW,
    REPOSITORY,
    ROOT,
    anchors,
    links,
    resolved,
    targets,
    text_of,
)
from fakes import FakeEngine, scripted

API = text_of(ROOT / "docs" / "api.md")
LONGEST_LINE = 100
UNBREAKABLE = re.compile(r"(?<=\]\()https?://[^)\s]+|(?<=\]: )https?://\S+|^data: \{.*", re.MULTILINE)
"""What no source can break: the addresses of links, and an event as it is sent."""
NOT_FILES = (f"{REPOSITORY}/issues", f"{REPOSITORY}/security/advisories/new")


def names_of_serve_options():
    app = typer.Typer(add_completion=False)
    app.command()(serve)
    return [parameter.opts[0] for parameter in typer.main.get_command(app).params if parameter.opts[0] != "--help"]


def with_subclasses(cls):
    return [cls, *(each for child in cls.__subclasses__() for each in with_subclasses(child))]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page):
    for link in targets(page):
        if (place := resolved(page, link)) is None:
            assert not link.startswith((REPOSITORY, RAW)) or link in (REPOSITORY, *NOT_FILES), link
            continue
        target, anchor = place
        assert target.exists(), link
        assert not anchor or anchor in anchors(target), link


def test_the_front_page_reads_well_on_a_package_index():
    assert not links(FRONT_PAGE)
    assert len(targets(FRONT_PAGE)) > 20


@pytest.mark.parametrize("target", targets(FRONT_PAGE))
def test_absolute_links_show_folders_as_trees_and_pictures_as_they_are(target):
    if inside := IN_REPOSITORY.fullmatch(target.partition("#")[0]):
        path = ROOT / (inside["path"] or inside["raw"])
        assert inside["view"] == ("tree" if path.is_dir() else None if path.suffix == ".png" else "blob")


def test_every_reference_of_the_front_page_is_defined_and_used():
    prose = BLOCK.sub("", text_of(FRONT_PAGE))
    defined = re.findall(r"^\[([^\]]+)\]: ", prose, re.MULTILINE)
    used = re.findall(r"\]\[([^\]]+)\]", prose)
    assert set(defined) == set(used)
    assert len(defined) == len(set(defined))


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_the_source_of_a_page_is_narrow(page):
    lines = UNBREAKABLE.sub("", text_of(page)).splitlines()
    assert [line for line in lines if len(line) > LONGEST_LINE] == []


def test_every_page_is_in_the_index():
    index = set(links(ROOT / "docs" / "README.md"))
    assert {page.name for page in (ROOT / "docs").glob("*.md")} <= index | {"README.md"}


@pytest.mark.parametrize(
    "model",
    [protocol.ReasonRequest, protocol.ReasonDocument, protocol.ErrorInfo, *get_args(protocol.Event)],
    ids=lambda model: model.__name__,
)
def test_the_api_page_names_every_field(model):
    pending, seen = [model], set()
    while pending:
        part = pending.pop()
        seen.add(part)
        for field_name, field in part.model_fields.items():
            name = field.alias or field_name
            assert f"`{name}`" in API or f".{name}`" in API or f'"{name}"' in API, f"{part.__name__}.{name}"
            inner = [field.annotation, *get_args(field.annotation)]
            pending += [each for each in inner if hasattr(each, "model_fields") and each not in seen]


def test_the_api_page_names_every_value_of_a_status():
    for names in (protocol.Status, protocol.StopReasonName, protocol.FinishReason):
        for value in get_args(names):
            assert f"`{value}`" in API, value


def test_the_api_page_names_every_event_error_and_alias():
    for event in get_args(protocol.Event):
        assert f"`{event.model_fields['type'].default}`" in API
    for error in with_subclasses(AnytimeError):
        assert f"| {error.status} |" in API, error
        assert f"`{error.type}`" in API, error
    for alias in protocol.BUDGET_ALIASES:
        assert f"`{alias}`" in API


def test_the_events_on_the_api_page_are_the_recorded_ones():
    recorded = [EVENT_ADAPTER.dump_json(EVENT_ADAPTER.validate_python(event)) for event in recorded_run()["events"]]
    shown = [line for line in API.splitlines() if line.startswith("data: ") and "..." not in line]
    assert len(shown) > 3
    for line in shown:
        assert EVENT_ADAPTER.dump_json(EVENT_ADAPTER.validate_json(line.removeprefix("data: "))) in recorded, line


def test_the_api_pages_name_every_route():
    paths = create_app(FakeEngine(scripted("", ""))).openapi()["paths"]
    pages = API + text_of(ROOT / "docs" / "openai.md")
    for path in paths:
        assert path in pages, path


def test_every_option_of_serve_is_in_the_docs():
    everything = "\n".join(text_of(page) for page in PAGES)
    for option in names_of_serve_options():
        assert option in everything, option


def test_the_models_page_names_every_thinking_format():
    page = text_of(ROOT / "docs" / "models.md")
    for name in PRESETS:
        assert f"| `{name}` |" in page
