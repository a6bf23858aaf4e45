"""Answers as model families write them, split into text and calls."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.api.openai.tools import FAMILIES, choose, parse
from anytime_server.controller import PRESETS

TAGS = PRESETS["think-tags"]
ADD = {
    "type": "object",
    "properties": {
        "a": {"type": "integer"},
        "s": {"type": "string"},
        "flag": {"type": "boolean"},
        "ratio": {"type": "number"},
        "opts": {"anyOf": [{"$ref": "#/$defs/opts"}, {"type": "null"}]},
        "list": {"type": "array"},
        "any": {},
    },
    "$defs": {"opts": {"type": "object"}},
}
OFFERED = {"add": ADD, "now": {}}
TWO = [("add", {"a": 1}), ("add", {"a": 2})]
JSON = '{"name": "add", "arguments": {"a": %d}}'
XML = "<function=add>\n<parameter=a>\n%d\n</parameter>\n</function>"
DSML = "<｜DSML｜"
WRITTEN = {
    "hermes": f"<tool_call>\n{JSON}\n</tool_call>\n<tool_call>{JSON}</tool_call>",
    "qwen3_coder": f"<tool_call>\n{XML}\n</tool_call>\n{XML}",
    "glm45": "<tool_call>add\n<arg_key>a</arg_key>\n<arg_value>%d</arg_value>\n</tool_call>"
    "<tool_call>add<arg_key>a</arg_key><arg_value>%d</arg_value></tool_call>",
    "deepseek_v3": '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{"a": %d}\n```'
    '<｜tool▁call▁end｜>\n<｜tool▁call▁begin｜>function<｜tool▁sep｜>add\n```json\n{"a": %d}\n```<｜tool▁call▁end｜>'
    "<｜tool▁calls▁end｜>",
    "deepseek_v31": '<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>add<｜tool▁sep｜>{"a": %d}<｜tool▁call▁end｜>'
    '<｜tool▁call▁begin｜>add<｜tool▁sep｜>{"a": %d}<｜tool▁call▁end｜><｜tool▁calls▁end｜>',
    "deepseek_v32": f"{DSML}function_calls>\n"
    + f'{DSML}invoke name="add">{DSML}parameter name="a" string="false">%d</｜DSML｜parameter></｜DSML｜invoke>\n' * 2
    + "</｜DSML｜function_calls>",
    "mistral": '[TOOL_CALLS]add[ARGS]{"a": %d}[TOOL_CALLS][' + JSON + "]",
    "kimi_k2": "<|tool_calls_section_begin|>"
    + '<|tool_call_begin|>functions.add:0<|tool_call_argument_begin|>{"a": %d}<|tool_call_end|>' * 2
    + "<|tool_calls_section_end|>",
    "minimax_m2": "<minimax:tool_call>\n"
    + '<invoke name="add">\n<parameter name="a">%d</parameter>\n</invoke>\n' * 2
    + "</minimax:tool_call>",
    "seed_oss": "<seed:tool_call><function=add><parameter=a>%d</parameter></function></seed:tool_call>\n" * 2,
    "step3": "<｜tool_calls_begin｜>"
    + '<｜tool_call_begin｜>function<steptml:invoke name="add"><steptml:parameter name="a">%d</steptml:parameter>'
    "</steptml:invoke><｜tool_call_end｜>".replace("function<steptml", "<steptml")
    * 2
    + "<｜tool_calls_end｜>",
    "lfm2": "<|tool_call_start|>[add(a=%d), add(a=%d)]<|tool_call_end|>",
    "gemma4": "<|tool_call>call:add{a:%d}<tool_call|>" * 2,
    "granite": f"<|tool_call|>[{JSON}, {JSON}]",
    "command_a": '<|START_ACTION|>[{"tool_call_id": "0", "tool_name": "add", "parameters": {"a": %d}}, '
    '{"tool_call_id": "1", "tool_name": "add", "parameters": {"a": %d}}]<|END_ACTION|>',
    "nemotron_v2": f"<TOOLCALL>[{JSON}, {JSON}]</TOOLCALL>",
    "apertus": '<|tools_prefix|>[{"add": {"a": %d}}, {"add": {"a": %d}}]<|tools_suffix|>',
    "olmo3": "<function_calls>\nadd(a=%d)\nadd(a=%d)\n</function_calls>",
    "hunyuan_a13b": f"<tool_calls>[{JSON}, {JSON}]</tool_calls>",
    "llama3_json": '<|python_tag|>{"name": "add", "parameters": {"a": %d}}; {"name": "add", "parameters": {"a": %d}}',
    "openai": "<|channel|>commentary<|message|>Look."
    + '<|end|><|start|>assistant<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a": %d}<|call|>'
    '<|start|>assistant to=functions.add<|channel|>commentary<|message|>{"a": %d}<|call|>',
}
"""Two calls as each family writes them."""


def split(answer, name="hermes", **how):
    piece = parse(answer, FAMILIES[name].form.parser(OFFERED), **how)
    return piece.text, [(call.function.name, json.loads(call.function.arguments)) for call in piece.calls]


def whole(pieces):
    calls = [(call.function.name, call.function.arguments) for piece in pieces for call in piece.calls]
    return "".join(piece.text for piece in pieces).strip(), calls


def chunked(answer, name, cuts):
    parser = FAMILIES[name].form.parser(OFFERED)
    ends = [*sorted(cuts), len(answer)]
    return whole(
        [*(parser.feed(answer[start:end]) for start, end in zip([0, *ends], ends, strict=False)), parser.finish()]
    )


@pytest.mark.parametrize("name", WRITTEN)
def test_each_family_s_calls_are_read(name):
    text, calls = split(WRITTEN[name] % (1, 2), name)
    assert calls == TWO
    assert text == ("Look." if name == "openai" else "")


@pytest.mark.parametrize("name", WRITTEN)
def test_a_call_is_read_one_character_at_a_time(name):
    answer = WRITTEN[name] % (1, 2)
    assert chunked(answer, name, range(len(answer))) == chunked(answer, name, [])


FRAGMENTS = ["a", "<", " ", "\n", '"', "{", "}", "</tool_call>", "<tool_call>", "<tool", "[TOOL_CALLS]", "<|end|>"]


@pytest.mark.parametrize("name", FAMILIES)
@given(st.data())
def test_calls_are_found_however_the_text_is_cut(name, data):
    written = WRITTEN.get(name, WRITTEN["hermes"]) % (1, 2)
    half = len(written) // 2
    parts = data.draw(st.lists(st.sampled_from([*FRAGMENTS, written, written[:half], written[half:]]), max_size=6))
    answer = "".join(parts)
    cuts = data.draw(st.lists(st.integers(0, len(answer)), max_size=6))
    assert chunked(answer, name, cuts) == chunked(answer, name, [])


@pytest.mark.parametrize("name", [name for name in WRITTEN if name not in ("openai", "llama3_json")])
def test_text_around_calls_is_kept(name):
    text, calls = split("Before. " + WRITTEN[name] % (1, 2), name)
    assert (text, calls) == ("Before.", TWO)


@pytest.mark.parametrize(
    "inside",
    [
        '{"name": "add", "parameters": {"a": 1}}',
        '{"name": "add", "arguments": {}, "parameters": {"a": 1}}',
        '{"name": "add", "arguments": "{\\"a\\": 1}"}',
        "{'name': 'add', 'arguments': {'a': 1,},}",
        '```json\n{"name": "add", "arguments": {"a": 1}}\n```',
        '{"name": "add", "arguments": {"a": 1}',
        '[{"name": "add", "arguments": {"a": 1}}]',
        '{"type": "function", "function": {"name": "add", "arguments": {"a": 1}}}',
        "{name: 'add', arguments: {a: 1}}",
    ],
)
def test_almost_json_is_read(inside):
    assert split(f"<tool_call>{inside}</tool_call>") == ("", [("add", {"a": 1})])
    assert split(f"<tool_call>{inside}") == ("", [("add", {"a": 1})])


def test_values_that_only_python_writes_are_read():
    inside = '{"name": "add", "arguments": {"s": "one\ntwo", "flag": True, "opts": None}}'
    assert split(f"<tool_call>{inside}</tool_call>")[1] == [("add", {"s": "one\ntwo", "flag": True, "opts": None})]


@pytest.mark.parametrize(
    "text",
    [
        "<tool_call>{</tool_call>",
        "<tool_call>[]</tool_call>",
        '<tool_call>{"arguments": {}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": "x"}</tool_call>',
        '<tool_call>{"name": "f", "argument": {"a": 1}}</tool_call>',
        '<tool_call>{"name": "f", "arguments": {"a": 1}, "parameters": {"a": 2}}</tool_call>',
        '<tool_call>{"name": "f"',
        '<tool_call>{"name": "f", "arguments": {"a": 1e999}}</tool_call>',
        "<tool_call>some words</tool_call> and more",
        "a < b",
        "</tool_call>",
    ],
)
def test_what_is_no_call_stays_text(text):
    assert split(text) == (text, [])


def test_marks_within_a_value_end_nothing():
    assert split('<tool_call>{"name": "add", "arguments": {"s": "</tool_call>"}}</tool_call> End.') == (
        "End.",
        [("add", {"s": "</tool_call>"})],
    )
    code = "<function=add><parameter=s>\na</tool_call></function>\n</parameter></function>"
    assert split(f"<tool_call>{code}</tool_call>", "qwen3_coder")[1] == [("add", {"s": "a</tool_call></function>"})]


def test_a_mark_that_opens_twice_loses_no_call():
    assert split(f"<tool_call><tool_call>{JSON % 1}</tool_call>")[1] == [("add", {"a": 1})]


def test_an_answer_that_was_cut_calls_nothing_it_had_not_finished():
    begun = '<tool_call>{"name": "add", "arguments": {"a": 1'
    assert split(begun, cut=True) == (begun, [])
    assert split(f"<tool_call>{JSON % 1}</tool_call>{begun}", cut=True) == (begun, [("add", {"a": 1})])


@pytest.mark.parametrize(
    ("key", "written", "value"),
    [
        ("s", "12", "12"),
        ("s", "true", "true"),
        ("s", '{"x": 1}', '{"x": 1}'),
        ("s", " padded ", " padded "),
        ("a", "-3", -3),
        ("a", "3.0", 3),
        ("a", "three", "three"),
        ("a", "9" * 5000, "9" * 5000),
        ("ratio", "1.5", 1.5),
        ("ratio", "1e999", "1e999"),
        ("flag", "True", True),
        ("flag", "maybe", "maybe"),
        ("opts", '{"x": [1]}', {"x": [1]}),
        ("opts", "null", None),
        ("list", "['a', 'b']", ["a", "b"]),
        ("any", "7", 7),
        ("any", "plain words", "plain words"),
        ("unknown", "[1]", [1]),
        ("unknown", "007", "007"),
    ],
)
def test_the_schema_tells_what_an_argument_is(key, written, value):
    xml = f"<tool_call><function=add><parameter={key}>\n{written}\n</parameter></function></tool_call>"
    assert split(xml, "qwen3_coder") == ("", [("add", {key: value})])
    glm = f"<tool_call>add<arg_key>{key}</arg_key><arg_value>{written}</arg_value></tool_call>"
    assert split(glm, "glm45") == ("", [("add", {key: value})])


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("bomb", ["[" * 100_000, '{"a":' * 100_000])
def test_what_is_nested_without_end_is_a_text(name, bomb):
    written = WRITTEN.get(name, "%d")
    answer = written.split("%d")[0] + bomb
    text, calls = split(answer, name)
    assert bomb in text or [bomb] == [value for _, arguments in calls for value in arguments.values()]


def test_every_call_has_its_own_id():
    piece = parse(WRITTEN["hermes"] % (1, 1), FAMILIES["hermes"].form.parser(OFFERED))
    assert len({call.id for call in piece.calls}) == 2


@pytest.mark.parametrize("name", [n for n in WRITTEN if n not in ("openai", "llama3_json", "deepseek_v3")])
def test_the_template_tells_the_form(name):
    assert choose(f"{{# {WRITTEN[name]} #}}", TAGS) is FAMILIES[name].form


def test_channels_tokens_and_no_sign_at_all_tell_the_form_too():
    assert choose("", PRESETS["gpt-oss"]) is FAMILIES["openai"].form
    assert choose(None, TAGS, lambda token: token == "[TOOL_CALLS]") is FAMILIES["mistral"].form
    assert choose("{{ messages }}", TAGS, lambda token: False) is FAMILIES["hermes"].form
