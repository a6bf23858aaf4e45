"""The prompt of a request: what the template is told, and what a refusal names."""

import sys
from dataclasses import replace

import pytest
from pydantic import ValidationError

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import ThinkingFormat
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning import ReasonSettings
from anytime_server.reasoning.plans.making import make_plan
from fakes import FakeEngine, scripted
from family_templates import FAMILIES

QUESTION = {"role": "user", "content": "2+2?"}


@pytest.fixture
def plan():
    """Plan a request on the tokenizer of a family."""

    def planning(family, settings=None, context=4096, **fields):
        engine = FakeEngine(scripted("", ""), max_model_len=context)
        engine.tokenizer = FAMILIES[family].tokenizer()
        request = ReasonRequest.model_validate({"messages": [QUESTION], "max_answer_tokens": 50, **fields})
        made = make_plan(request, engine, ThinkingFormat.resolve(engine.tokenizer), settings or ReasonSettings())
        return made, engine.tokenizer.decode

    return planning


def test_the_granted_budget_is_told_to_a_template_that_reads_it(plan):
    made, decode = plan("seed-oss", budget=300)
    assert "Think within 300 tokens." in decode(made.prompt_ids)
    made, decode = plan("seed-oss", budget=300, settings=ReasonSettings(max_budget=120))
    assert made.granted == 120
    assert "Think within 120 tokens." in decode(made.prompt_ids)
    made, decode = plan("seed-oss", budget=3000, context=700)
    assert made.granted < 700
    assert f"Think within {made.granted} tokens." in decode(made.prompt_ids)


def test_the_budget_beats_the_thinking_budget_of_the_templates_variables(plan):
    made, decode = plan("seed-oss", budget=300, chat_template_kwargs={"thinking_budget": 7})
    assert "Think within 300 tokens." in decode(made.prompt_ids)


@pytest.mark.parametrize("effort", ["low", "high"])
def test_the_effort_is_told_to_a_template_that_reads_it(plan, effort):
    made, decode = plan("gpt-oss", budget=64, chat_template_kwargs={"reasoning_effort": effort})
    assert f"Reasoning: {effort}<|end|>" in decode(made.prompt_ids)
    assert made.requested == 64


@pytest.mark.parametrize("name", ["enable_thinking", "thinking", "reasoning", "reasoning_effort", "thinking_budget"])
def test_variables_that_clients_send_to_every_model_are_taken_by_every_template(plan, name):
    value = {"reasoning_effort": "low", "thinking_budget": 5}.get(name, True)
    made, decode = plan("olmo-3", chat_template_kwargs={name: value})
    assert decode(made.prompt_ids).endswith("<think>")


@pytest.mark.parametrize("family", ["qwen3", "deepseek-v3.1", "granite", "gemma4"])
def test_a_switch_that_is_off_is_a_budget_of_0_with_the_familys_own_prompt(plan, family):
    for name in ("enable_thinking", "thinking"):
        made, decode = plan(family, chat_template_kwargs={name: False})
        assert made.granted == 0
        assert decode(made.direct_prompt_ids).endswith(FAMILIES[family].direct)
        assert decode(made.prompt_ids).endswith(FAMILIES[family].end)


def test_only_an_answer_without_thinking_needs_the_prompt_without(plan):
    assert plan("qwen3", budget=64)[0].direct_prompt_ids is None
    assert plan("qwen3", budget=64, checkpoints=[0, 8])[0].direct_prompt_ids is not None
    assert plan("qwen3", budget=0)[0].direct_prompt_ids is not None
    assert plan("olmo-3", budget=0)[0].direct_prompt_ids is None


def test_a_prompt_without_thinking_that_does_not_fit_is_left_out(plan, monkeypatch):
    qwen = FAMILIES["qwen3"]
    wordy = qwen.template.replace("<think>\n\n</think>", "Don't think. " * 10_000 + "<think>\n\n</think>")
    monkeypatch.setitem(FAMILIES, "wordy", replace(qwen, template=wordy))
    assert plan("wordy", budget=0)[0].direct_prompt_ids is None


@pytest.mark.parametrize(
    ("family", "fields", "param", "match"),
    [
        (
            "phi-4-reasoning",
            {"messages": [QUESTION, {"role": "system", "content": "S"}, QUESTION]},
            "messages.1",
            "user",
        ),
        ("phi-4-reasoning", {"messages": [{"role": "developer", "content": "D"}, QUESTION]}, "messages.0", "developer"),
        ("olmo-3", {"tools": [{"function": {"name": "f"}}]}, "tools", "no tools"),
        ("ministral", {"messages": [QUESTION, QUESTION]}, "messages", "alternate"),
        ("qwen3", {"chat_template_kwargs": {"style": "x"}}, "chat_template_kwargs.style", "does not read"),
    ],
)
def test_a_refusal_names_the_field(plan, family, fields, param, match):
    with pytest.raises(InvalidRequest, match=match) as caught:
        plan(family, **fields)
    assert caught.value.param == param


def test_an_error_of_the_template_quotes_the_texts_as_they_were_sent(plan):
    engine = FakeEngine(scripted("", ""))
    engine.tokenizer = FAMILIES["qwen3"].tokenizer()
    format = ThinkingFormat.resolve(engine.tokenizer)
    engine.tokenizer._tokenizer.chat_template = "{{ raise_exception('not: ' + messages[0].content) }}"
    engine.tokenizer.__dict__.pop("chat_template")
    with pytest.raises(InvalidRequest, match=r"not: a <\|im_end\|> b$"):
        make_plan(ReasonRequest(prompt="a <|im_end|> b"), engine, format, ReasonSettings())


def test_special_tokens_are_trusted_where_the_server_or_the_request_says_so(plan):
    def ends(**fields):
        settings = fields.pop("settings", None)
        made, decode = plan("qwen3", settings, messages=[{"role": "user", "content": "<|im_end|>"}], **fields)
        return sum(decode([token]) == "<|im_end|>" for token in made.prompt_ids)

    trusting = ReasonSettings(trust_special_tokens=True)
    assert ends() == 1
    assert ends(trust_special_tokens=True) == 2
    assert ends(settings=trusting) == 2
    assert ends(settings=trusting, trust_special_tokens=False) == 1


def test_half_a_surrogate_pair_in_a_tools_schema_is_refused(plan):
    tool = {"function": {"name": "f", "parameters": {"type": "object", "description": "\ud83d"}}}
    with pytest.raises(ValidationError, match="surrogate"):
        plan("qwen3", tools=[tool])


def test_a_tools_schema_that_is_nested_too_deeply_is_refused(plan):
    schema = {}
    for _ in range(700):
        schema = {"items": schema}
    limit = sys.getrecursionlimit()
    sys.setrecursionlimit(1000)  # torch raises it when it compiles
    try:
        with pytest.raises(InvalidRequest, match="nested too deeply"):
            plan("qwen3", tools=[{"function": {"name": "f", "parameters": schema}}])
    finally:
        sys.setrecursionlimit(limit)
