import asyncio
import copy
import json
import sys
from pathlib import Path

import jsonschema_rs
import pytest

from anytime_client import protocol
from anytime_client.protocol import BUDGET_ALIASES, EVENT_ADAPTER, Event, ReasonDocument, ReasonOptions, ReasonRequest
from anytime_server.api import openapi
from anytime_server.api.openai.chat_request import ChatRequest
from anytime_server.api.openai.responses.request import ResponsesRequest
from anytime_server.api.openapi.examples import recorded_run

SCHEMATHESIS = Path(sys.executable).with_name("schemathesis")
CONFIG = Path(__file__).with_name("schemathesis.toml")
A_MESSAGE = {
    "type": "object",
    "properties": {"role": {"const": "user"}, "content": {"type": "string"}},
    "required": ["role", "content"],
    "additionalProperties": False,
}

OF_BOTH = {"checkpoints", "enable_thinking", "reasoning_effort", "stream_options", "thinking"}
"""Fields that OpenAI's two routes for conversations take alike: one is sent them."""


@pytest.fixture(scope="module")
async def document(served):
    async with served() as (client, _):
        return (await client.get("/openapi.json")).json()


def operations(document):
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            yield f"{method.upper()} {path}", operation


def to_be_sent(document):
    """The document without what makes Schemathesis send the same again, or what is refused whatever it holds.

    Other routes take options and messages of `POST /reason`; that one is sent all of them. The budget's other names go
    by the same schema, and two budgets that differ are an error: OpenAI's routes have others in their bodies. One
    Idempotency-Key that comes with every session is a 409 of all but the first; what extends one is sent it.
    """
    document = copy.deepcopy(document)
    for route, operation in operations(document):
        left_out = {*BUDGET_ALIASES, *(["budget"] if " /v1/" in route else [])}
        if route == "POST /reason":
            left_out.add("Idempotency-Key")
        named = operation["parameters"]
        operation["parameters"] = [parameter for parameter in named if parameter["name"] not in left_out]
    schemas = document["components"]["schemas"]
    taken = {
        "ChatRequest": ReasonOptions.model_fields.keys() - ChatRequest.__annotations__,
        "ResponsesRequest": ReasonOptions.model_fields.keys() - ResponsesRequest.__annotations__ | OF_BOTH,
        "CompletionRequest": ["structured_outputs"],
        "TokenizeRequest": ["tools"],
    }
    for model, names in taken.items():
        for name in names:
            del schemas[model]["properties"][name]
    schemas["ChatRequest"]["properties"]["messages"]["items"] = A_MESSAGE
    schemas["TokenizeRequest"]["properties"]["messages"]["anyOf"][0]["items"] = A_MESSAGE
    return document


@pytest.mark.slow
async def test_schemathesis_finds_nothing(served, document, tmp_path):
    sent = tmp_path / "openapi.json"
    sent.write_text(json.dumps(to_be_sent(document)))
    async with served() as (client, _):
        arguments = [
            *("--config-file", str(CONFIG), "--no-color", "run", str(sent), "--url", str(client.base_url)),
            *("--generation-deterministic", "--continue-on-failure"),
            *("--report", "json", "--report-json-path", str(tmp_path / "report.json")),
        ]
        process = await asyncio.create_subprocess_exec(
            SCHEMATHESIS, *arguments, cwd=tmp_path, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT
        )
        output, _ = await process.communicate()
    assert process.returncode == 0, output.decode()
    report = json.loads((tmp_path / "report.json").read_text())
    assert report["operations"]["tested"] == report["operations"]["total"]
    # What it sent was not all refused: sessions ran.
    assert report["valid_rates"]["POST /reason"]["examples"]["accepted"] >= len(openapi.REQUESTS)


async def test_the_document_is_valid_openapi(document):
    from schemathesis.specs.openapi.definitions import OPENAPI_31_VALIDATOR

    OPENAPI_31_VALIDATOR.validate(document)


async def test_every_operation_has_a_name_a_described_tag_and_what_it_does(document):
    described = {tag["name"] for tag in document["tags"]}
    ids = [operation["operationId"] for _, operation in operations(document)]
    assert len(set(ids)) == len(ids)
    for route, operation in operations(document):
        assert set(operation["tags"]) <= described, route
        assert operation["description"], route
        assert operation["operationId"].isidentifier(), route


async def test_every_parameter_and_field_is_described(document):
    for route, operation in operations(document):
        for parameter in operation["parameters"]:
            assert parameter.get("description"), (route, parameter["name"])
    schemas = document["components"]["schemas"]
    ours = {name for name in schemas if hasattr(protocol, name)}
    assert {"ReasonRequest", "ReasonDocument", "CheckpointEvent", "ErrorInfo"} <= ours
    for model in ours:
        for name, field in schemas[model].get("properties", {}).items():
            # A field that can have one value only is described by its model.
            assert "description" in field or "const" in field, (model, name)


async def test_every_response_has_the_request_id_and_every_error_an_example(document):
    for route, operation in operations(document):
        assert "500" in operation["responses"], route
        for status, response in operation["responses"].items():
            assert "X-Request-Id" in response["headers"], (route, status)
            assert ("Retry-After" in response["headers"]) == (status in ("429", "503")), (route, status)
            for content in response.get("content", {}).values():
                assert "examples" in content or "example" in content, (route, status)


async def test_the_document_holds_every_event(document):
    schemas = document["components"]["schemas"]
    types = {event.model_fields["type"].default for event in Event.__args__}
    assert set(schemas["Event"]["discriminator"]["mapping"]) == types
    for reference in schemas["Event"]["discriminator"]["mapping"].values():
        assert reference.removeprefix("#/components/schemas/") in schemas


@pytest.mark.parametrize("name", openapi.REQUESTS)
async def test_each_example_of_a_request_is_answered(served, name):
    async with served() as (client, _):
        response = await client.post("/reason", json=openapi.REQUESTS[name]["value"])
        assert response.status_code in (200, 202)


async def test_every_example_fits_its_schema(document):
    for route, operation in operations(document):
        bodies = [operation["requestBody"]] if "requestBody" in operation else []
        for part in (*operation["responses"].values(), *bodies):
            for content in part.get("content", {}).values():
                schema = {**content.get("schema", {}), "components": document["components"]}
                single = {"example": {"value": content["example"]}} if "example" in content else {}
                for name, example in {**single, **content.get("examples", {})}.items():
                    errors = list(jsonschema_rs.Draft202012Validator(schema).iter_errors(example["value"]))
                    assert not errors, (route, name)


def test_the_recorded_run_has_every_field_of_the_protocol():
    run = recorded_run()
    assert ReasonDocument.model_validate(run["document"]).model_dump(mode="json") == run["document"]
    for event in run["events"]:
        assert EVENT_ADAPTER.validate_python(event).model_dump(mode="json") == event
    ReasonRequest.model_validate(openapi.REQUESTS["checkpoints"]["value"])
