"""What becomes of earlier turns, with templates in the manner of the families'."""

import json

import pytest

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.engines.hf_tokenizer import HFTokenizer
from anytime_server.reasoning import ReasonSettings
from anytime_server.reasoning.plans.prompt.rendering import rendered_prompt
from tiny_models import tiny_tokenizer

QWEN3 = """\
{%- if tools %}<|im_start|>system
# Tools
{% for tool in tools %}{{ tool | tojson }}
{% endfor %}<|im_end|>
{% endif %}
{%- set ns = namespace(last_query=0) %}
{%- for message in messages %}
  {%- if message.role == 'user' %}{% set ns.last_query = loop.index0 %}{% endif %}
{%- endfor %}
{%- for message in messages %}
  {%- if message.role == 'assistant' %}
    {%- set content = message.content %}
    {%- set reasoning = message.reasoning_content if message.reasoning_content is string else '' %}
    {{- '<|im_start|>assistant\n' }}
    {%- if reasoning and loop.index0 > ns.last_query %}{{ '<think>\n' + reasoning + '\n</think>\n\n' }}{% endif %}
    {{- content }}
    {%- for call in message.tool_calls or [] %}
      {{- '\n<tool_call>\n{"name": "' + call.function.name + '", "arguments": ' + call.function.arguments | tojson }}
      {{- '}\n</tool_call>' }}
    {%- endfor %}
    {{- '<|im_end|>\n' }}
  {%- elif message.role == 'tool' %}
    {{- '<|im_start|>user\n<tool_response>\n' + message.content + '\n</tool_response><|im_end|>\n' }}
  {%- elif message.role in ('system', 'user') %}
    {{- '<|im_start|>' + message.role + '\n' + message.content + '<|im_end|>\n' }}
  {%- endif %}
{%- endfor %}
{{- '<|im_start|>assistant\n' }}
{%- if enable_thinking is false %}{{ '<think>\n\n</think>\n\n' }}{% endif %}"""
R1 = """\
{{- bos_token }}
{%- for message in messages %}
  {%- if message.role == 'system' %}{{ message.content }}
  {%- elif message.role == 'user' %}{{ '<｜User｜>' + message.content }}
  {%- elif message.role == 'assistant' %}
    {{- '<｜Assistant｜>' + message.content.split('</think>')[-1] + '<｜end▁of▁sentence｜>' }}
  {%- endif %}
{%- endfor %}
{{- '<｜Assistant｜><think>\n' }}"""


@pytest.fixture
def render():
    """Render a conversation with a family's tokenizer and one of the templates above."""

    def rendering(family, template, messages, **fields):
        inner = tiny_tokenizer(family)
        inner.chat_template = template
        tokenizer = HFTokenizer(inner)
        format = ThinkingFormat.resolve(tokenizer)
        request = ReasonRequest(messages=messages, **fields)
        return tokenizer.decode(rendered_prompt(request, tokenizer, format, ReasonSettings()))

    return rendering


def user(text):
    return {"role": "user", "content": text}


EARLIER = [
    {"role": "assistant", "content": "<think>\n1+1 is 2\n</think>\n\nTwo."},
    {"role": "assistant", "content": "1+1 is 2\n</think>\n\nTwo."},
    {"role": "assistant", "content": "Two.", "reasoning_content": "1+1 is 2"},
    {"role": "assistant", "content": "Two."},
]


@pytest.mark.parametrize("earlier", EARLIER)
@pytest.mark.parametrize(
    ("family", "template", "expected"),
    [
        (
            "qwen3",
            QWEN3,
            "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\nTwo.<|im_end|>\n"
            "<|im_start|>user\nSure?<|im_end|>\n<|im_start|>assistant\n<think>\n",
        ),
        (
            "deepseek-r1",
            R1,
            "<｜begin▁of▁sentence｜><｜User｜>1+1?<｜Assistant｜>Two.<｜end▁of▁sentence｜>"
            "<｜User｜>Sure?<｜Assistant｜><think>\n",
        ),
    ],
)
def test_the_thinking_of_earlier_turns_is_dropped(render, family, template, expected, earlier):
    assert render(family, template, [user("1+1?"), earlier, user("Sure?")]) == expected


def test_thinking_stays_where_the_template_wants_it_between_tool_calls(render):
    tool = {"type": "function", "function": {"name": "add", "parameters": {"type": "object"}}}
    call = {"id": "c", "function": {"name": "add", "arguments": '{"of": [1, 1]}'}}
    messages = [
        user("1+1?"),
        {"role": "assistant", "content": "<think>\nI shall add.\n</think>\n", "tool_calls": [call]},
        {"role": "tool", "tool_call_id": "c", "content": "2"},
    ]
    assert render("qwen3", QWEN3, messages, tools=[tool]) == (
        f"<|im_start|>system\n# Tools\n{json.dumps(tool)}\n<|im_end|>\n"
        "<|im_start|>user\n1+1?<|im_end|>\n<|im_start|>assistant\n<think>\nI shall add.\n</think>\n\n"
        '\n<tool_call>\n{"name": "add", "arguments": {"of": [1, 1]}}\n</tool_call><|im_end|>\n'
        "<|im_start|>user\n<tool_response>\n2\n</tool_response><|im_end|>\n<|im_start|>assistant\n<think>\n"
    )


@pytest.mark.parametrize("template", [QWEN3, R1])
def test_the_developer_is_the_system_for_a_template_that_does_not_know_that_role(render, template):
    family = "qwen3" if template is QWEN3 else "deepseek-r1"
    said, known = [
        render(family, template, [{"role": role, "content": "Be brief."}, user("1+1?")])
        for role in ("developer", "system")
    ]
    assert "Be brief." in said
    assert said == known


def test_parts_of_text_are_one_text(render):
    parts = [{"type": "text", "text": "1+"}, {"type": "text", "text": "1?"}]
    assert "User｜>1+1?<" in render("deepseek-r1", R1, [user(parts)])


async def test_the_message_of_a_completion_can_be_sent_back_as_it_is(served, connect):
    async with served() as (client, engine), connect(client) as oai:
        ask = [user("count")]
        first = await oai.chat.completions.create(model="fake-model", messages=ask)
        again = [*ask, first.choices[0].message.model_dump(), user("sure?")]
        second = await oai.chat.completions.create(model="fake-model", messages=again)
        assert second.choices[0].message.content == "There are 4.\nAnswer: 4"
        prompt = engine.tokenizer.decode(engine.requests[-1].prompt_ids)
        assert prompt == "user: count\nassistant: There are 4.\nAnswer: 4\nuser: sure?\n<think>"
