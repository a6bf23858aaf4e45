import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.controller import HarmonyCall, HarmonyReader, HarmonyText

TURN = "<|end|><|start|>assistant"
ADD = HarmonyCall("add", '{"a":1}')


def read(pieces):
    reader = HarmonyReader()
    parts = [part for piece in pieces for part in reader.feed(piece)] + reader.finish()
    text = "".join(part.text for part in parts if isinstance(part, HarmonyText))
    return text, [part for part in parts if isinstance(part, HarmonyCall)]


@pytest.mark.parametrize(
    ("answer", "text", "calls"),
    [
        ("It is 4.", "It is 4.", []),
        ("", "", []),
        (" to be or not", " to be or not", []),
        (" to=", " to=", []),
        ('<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a":1}<|call|>', "", [ADD]),
        (' to=functions.add<|channel|>commentary <|constrain|>json<|message|>{"a":1}<|call|>', "", [ADD]),
        ('<|channel|>analysis to=functions.add code<|message|>{"a":1}<|call|>', "", [ADD]),
        ('<|channel|>commentary to=functions.add<|message|>{"a":1}', "", [HarmonyCall("add", '{"a":1}', ended=False)]),
        ("<|channel|>final <|constrain|>json<|message|>{}", "{}", []),
        (
            f"<|channel|>commentary<|message|>Look.{TURN}<|channel|>commentary to=functions.add"
            '<|message|>{"a":1}<|call|>',
            "Look.",
            [ADD],
        ),
        (f"Look.{TURN}<|channel|>analysis<|message|>hm{TURN}<|channel|>final<|message|>4<|return|>", "Look.\n\n4", []),
        (f"4{TURN}<|channel|>fin", "4", []),
        ("<|start|>functions.add to=assistant<|channel|>commentary<|message|>made up<|end|>", "", []),
        ("<|channel|>commentary to=browser.search<|message|>{}<|call|>", "", [HarmonyCall("browser.search", "{}")]),
        ("a<|b <|mess", "a<|b <|mess", []),
    ],
)
def test_messages_are_told_apart(answer, text, calls):
    assert read([answer]) == (text, calls)
    assert read(answer) == (text, calls)


PARTS = [
    "a",
    "<|",
    " to=f",
    TURN,
    "<|channel|>final",
    "<|channel|>commentary to=functions.f",
    "<|message|>",
    "<|call|>",
]


@given(st.lists(st.sampled_from(PARTS), max_size=8), st.data())
def test_any_cut_gives_the_same(parts, data):
    answer = "".join(parts)
    cuts = sorted(data.draw(st.lists(st.integers(0, len(answer)), max_size=6)))
    assert read([answer[a:b] for a, b in zip([0, *cuts], [*cuts, len(answer)], strict=True)]) == read([answer])
