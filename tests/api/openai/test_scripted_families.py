"""Whole requests to models that write as real families do: a script of tokens behind the family's kind of template."""

import json

import pytest

from anytime_server.api import create_app
from anytime_server.controller import PRESETS, ThinkingFormat
from fakes import ScriptedEngine
from live import serve
from vocabularies import bpe

CHAT = "/v1/chat/completions"
ADD = {"type": "function", "function": {"name": "add", "parameters": {"properties": {"a": {"type": "integer"}}}}}
TURN = "<|end|><|start|>assistant"
HARMONY = bpe(0, ("<|return|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>"))
HARMONY_TEMPLATE = "{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}<|start|>assistant"
PLAIN = bpe(0, ("<|end|>", "</", "think", ">\n\n", ".</"))
PLAIN_TEMPLATE = "{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}<think>"
XML_CALL = "<tool_call>\n<function=add>\n<parameter=a>\n1\n</parameter>\n</function>\n</tool_call>"


def scripted(tokenizer, template, preset, text, answer=None):
    tokenizer._tokenizer.chat_template = template
    tokenizer.__dict__.pop("chat_template", None)
    engine = ScriptedEngine(tokenizer, tokenizer.encode(text), answer and tokenizer.encode(answer))
    return create_app(engine, thinking_format=ThinkingFormat.from_markers(tokenizer, PRESETS[preset]))


async def completed(app, **fields):
    body = {"messages": [{"role": "user", "content": "1+1?"}], "budget": 200, **fields}
    async with serve(app) as client:
        whole = (await client.post(CHAT, json=body)).json()["choices"][0]
        text = (await client.post(CHAT, json={**body, "stream": True})).text
    chunks = [json.loads(line[6:]) for line in text.splitlines() if line.startswith("data: {")]
    deltas = [chunk["choices"][0]["delta"] for chunk in chunks]
    streamed = {
        "content": "".join(delta.get("content") or "" for delta in deltas),
        "reasoning": "".join(delta.get("reasoning") or "" for delta in deltas),
        "calls": [call["function"] for delta in deltas for call in delta.get("tool_calls", ())],
        "logprobs": [token["bytes"] for chunk in chunks for token in _logprobs(chunk["choices"][0])],
    }
    return whole, streamed


def _logprobs(choice):
    return (choice["logprobs"] or {"content": ()})["content"]


async def test_a_marker_of_plain_text_parts_thinking_and_answer():
    app = scripted(PLAIN, PLAIN_TEMPLATE, "think-tags", "So 2+2 is 4.\n</think>\n\nThe answer is \\boxed{4}.")
    whole, streamed = await completed(app)
    assert whole["message"]["reasoning"] == "So 2+2 is 4.\n"
    assert whole["message"]["content"] == "The answer is \\boxed{4}."
    assert whole["anytime"]["value"] == "4"
    assert whole["anytime"]["usage"]["forced"] == 0
    assert (streamed["reasoning"], streamed["content"]) == ("So 2+2 is 4.\n", "The answer is \\boxed{4}.")


@pytest.mark.parametrize(
    "header",
    [
        "<|channel|>commentary to=functions.add <|constrain|>json<|message|>",
        " to=functions.add<|channel|>commentary <|constrain|>json<|message|>",
        "<|channel|>commentary to=functions.add<|message|>",
    ],
)
async def test_gpt_oss_calls_a_tool(header):
    app = scripted(HARMONY, HARMONY_TEMPLATE, "gpt-oss", f'We call.{TURN}{header}{{"a":1}}')
    whole, streamed = await completed(app, tools=[ADD])
    assert whole["message"]["reasoning"] == "We call."
    assert whole["message"]["content"] is None
    (call,) = whole["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("add", {"a": 1})
    assert whole["finish_reason"] == "tool_calls"
    assert [(call["name"], json.loads(call["arguments"])) for call in streamed["calls"]] == [("add", {"a": 1})]
    assert (streamed["content"], streamed["reasoning"]) == ("", "We call.")


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "add"}}])
@pytest.mark.parametrize(
    "header",
    [
        "<|channel|>commentary to=functions.add <|constrain|>json<|message|>",
        " to=functions.add<|channel|>commentary <|constrain|>json<|message|>",
        "<|channel|>final<|message|>",
    ],
)
async def test_gpt_oss_calls_what_it_must_whatever_header_it_begins(choice, header):
    answer = '[{"name": "add", "parameters": {"a": 1}}]' if choice == "required" else '{"a": 1}'
    app = scripted(HARMONY, HARMONY_TEMPLATE, "gpt-oss", f"We call.{TURN}{header}", answer)
    whole, streamed = await completed(app, tools=[ADD], tool_choice=choice)
    assert whole["message"]["content"] is None
    (call,) = whole["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("add", {"a": 1})
    assert [(call["name"], json.loads(call["arguments"])) for call in streamed["calls"]] == [("add", {"a": 1})]


async def test_gpt_oss_says_what_it_does_before_it_calls():
    preamble = "<|channel|>commentary<|message|>I will add."
    call = '<|channel|>commentary to=functions.add <|message|>{"a":1}'
    app = scripted(HARMONY, HARMONY_TEMPLATE, "gpt-oss", f"Hm.{TURN}{preamble}{TURN}{call}")
    whole, streamed = await completed(app, tools=[ADD])
    assert whole["message"]["content"] == streamed["content"] == "I will add."
    assert [call["function"]["name"] for call in whole["message"]["tool_calls"]] == ["add"]
    assert [call["name"] for call in streamed["calls"]] == ["add"]


async def test_an_answer_in_tags_is_a_call_where_the_template_asks_for_tags():
    template = PLAIN_TEMPLATE + "{# <tool_call><function= <parameter= #}"
    app = scripted(PLAIN, template, "think-tags", f"Hm.</think>\n\n{XML_CALL}")
    whole, _ = await completed(app, tools=[ADD])
    (call,) = whole["message"]["tool_calls"]
    assert (call["function"]["name"], json.loads(call["function"]["arguments"])) == ("add", {"a": 1})
    assert whole["finish_reason"] == "tool_calls"


async def test_logprobs_tell_the_bytes_of_half_characters():
    app = scripted(PLAIN, PLAIN_TEMPLATE, "think-tags", "Hm.</think>\n\n😀")
    whole, _ = await completed(app, logprobs=True)
    told = [token["bytes"] for token in whole["logprobs"]["content"]]
    assert bytes(byte for token in told for byte in token).decode().strip() == "😀"


@pytest.mark.parametrize("most", range(1, 9))
async def test_each_token_has_logprobs_also_those_of_half_a_character_at_the_end(most):
    app = scripted(PLAIN, PLAIN_TEMPLATE, "think-tags", "Hm.</think>\n\n😀😀")
    whole, streamed = await completed(app, logprobs=True, max_answer_tokens=most)
    told = [token["bytes"] for token in whole["logprobs"]["content"]]
    assert told == [[byte] for byte in "😀😀".encode()[:most]]
    assert streamed["logprobs"] == told
    assert whole["message"]["content"] == streamed["content"].strip() == "😀" * (most // 4)
