import pytest
from pydantic import ValidationError

from anytime_client.protocol import (
    BUDGET_ALIASES,
    EVENT_ADAPTER,
    CheckpointRule,
    ReasonDocument,
    ReasonRequest,
    fold_budget_aliases,
)

DOCUMENT = {
    "id": "rsn_1", "model": "m", "status": "running", "stop_reason": None, "answer": None, "thinking": "",
    "checkpoints": [], "budget": {"requested": 1, "granted": 1, "spent": 0}, "usage": {}, "timings": {},
}  # fmt: skip


def test_the_defaults():
    request = ReasonRequest(prompt="x")
    assert request.checkpoints == CheckpointRule(count=4)
    assert (request.interim.max_tokens, request.interim.samples) == (128, 1)
    assert request.budget is None
    assert request.conversation[0].content == "x"


@pytest.mark.parametrize("alias", BUDGET_ALIASES)
def test_every_alias_is_the_budget(alias):
    assert ReasonRequest.model_validate({"prompt": "x", alias: 9}).budget == 9
    assert ReasonRequest.model_validate({"prompt": "x", alias: 9, "budget": 9}).budget == 9
    with pytest.raises(ValidationError, match="differ"):
        ReasonRequest.model_validate({"prompt": "x", alias: 9, "budget": 8})


def test_folding_leaves_its_input_alone():
    data = {"thinking_budget": 3, "prompt": "x"}
    assert fold_budget_aliases(data) == {"budget": 3, "prompt": "x"}
    assert data == {"thinking_budget": 3, "prompt": "x"}


def test_stop_is_a_string_or_a_list():
    assert ReasonRequest(prompt="x", stop="a").stop_strings == ("a",)
    assert ReasonRequest(prompt="x", stop=["a", "b"]).stop_strings == ("a", "b")
    assert ReasonRequest(prompt="x").stop_strings == ()


def test_events_are_told_apart_by_their_type():
    event = EVENT_ADAPTER.validate_json('{"type": "thinking.delta", "sequence_number": 2, "delta": "a", "spent": 1}')
    assert (event.type, event.delta) == ("thinking.delta", "a")
    with pytest.raises(ValidationError):
        EVENT_ADAPTER.validate_json('{"type": "thinking.nope", "sequence_number": 2}')


def test_a_client_lives_with_fields_of_a_newer_server():
    assert ReasonDocument.model_validate({**DOCUMENT, "newer": 1}).id == "rsn_1"


def test_what_an_answer_must_look_like_is_sent_by_the_names_it_is_given_by():
    wanted = {"json": {"type": "object"}}
    request = ReasonRequest(prompt="x", structured_outputs=wanted)
    assert request.model_dump(exclude_unset=True)["structured_outputs"] == wanted


def test_null_is_as_good_as_absent():
    fields = set(ReasonRequest.model_fields) - {"prompt", "checkpoints", "deadline_ms", "interim", "stop_when"}
    given = ReasonRequest.model_validate({"prompt": "x", **dict.fromkeys([*fields, *BUDGET_ALIASES])})
    assert (given, given.model_fields_set) == (ReasonRequest(prompt="x"), {"prompt"})
    part = {"type": None, "text": "x"}
    asked = {"role": "user", "content": [part], "name": None, "tool_calls": None}
    call = {"id": "a", "type": None, "function": {"name": "f", "arguments": None}}
    called = {"role": "assistant", "content": None, "tool_calls": [call]}
    told = {"role": "tool", "tool_call_id": "a", "content": "1"}
    tool = {"type": None, "function": {"name": "f", "description": None, "parameters": None}}
    sent = ReasonRequest.model_validate({"prompt": None, "messages": [asked, called, told], "tools": [tool]})
    assert [message.text for message in sent.messages] == ["x", "", "1"]
    assert sent.messages[1].tool_calls[0].function.arguments == "{}"


def test_the_schema_says_where_null_may_be_sent():
    schema = ReasonRequest.model_json_schema()
    requests = [schema, *(schema["$defs"][name] for name in ("ChatMessage", "TextPart", "ToolCall", "ToolDefinition"))]
    for model in requests:
        for name, field in model["properties"].items():
            if name not in model.get("required", ()):
                assert {"type": "null"} in field["anyOf"], (model["title"], name)
    assert {"type": "null"} in schema["$defs"]["FunctionCall"]["properties"]["arguments"]["anyOf"]
