import pytest
from pydantic import ValidationError

from anytime_client.protocol import ReasonRequest


def nested(depth):
    value = []
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("variables", "match"),
    [
        ({"messages": []}, "messages"),
        ({"tools": []}, "tools"),
        ({"tokenize": True}, "tokenize"),
        ({"add_generation_prompt": False}, "add_generation_prompt"),
        ({"chat_template": "{{ 1 }}"}, "chat_template"),
        ({"self": 1}, "self"),
        ({"a b": 1}, "a b"),
        ({"x": "a" * 70_000}, "bytes"),
        ({f"x{i}": 1 for i in range(40)}, "32"),
        ({"x": nested(5000)}, "nested"),
        ({"x": "\ud83d"}, "surrogate"),
        ({"enable_thinking": "no"}, "true or false"),
    ],
)
def test_variables_that_are_not_the_clients_or_too_much_are_refused(variables, match):
    with pytest.raises(ValidationError, match=match):
        ReasonRequest(prompt="2+2?", chat_template_kwargs=variables)


def test_thinking_switched_off_is_a_budget_of_0():
    assert ReasonRequest(prompt="2+2?", chat_template_kwargs={"enable_thinking": False}).budget == 0
    assert ReasonRequest(prompt="2+2?", budget=0, chat_template_kwargs={"thinking": False}).budget == 0
    assert ReasonRequest(prompt="2+2?", budget=9, chat_template_kwargs={"thinking": True}).budget == 9


def test_thinking_switched_off_beside_another_budget_is_refused():
    with pytest.raises(ValidationError, match="switches the thinking off"):
        ReasonRequest(prompt="2+2?", thinking_budget=5, chat_template_kwargs={"enable_thinking": False})
