"""What a session shows of thinking and answer where tokens cut through the markers, and where models ignore them."""

import pytest

from anytime_client.protocol import ReasonRequest
from anytime_server.controller import PRESETS, ThinkingFormat, ThinkingMarkers
from anytime_server.reasoning import Reasoner
from fakes import ScriptedEngine
from reasoning.conftest import events_of
from vocabularies import bpe

PIECES = ("<|end|>", "</", "think", ">\n\n", ".</", ">The", "</think>", "<think>", "😀"[:1])
PLAIN = bpe(0, PIECES[:6])
TAGS = bpe(0, ("<|end|>", "<think>", "</think>", "<|im_start|>"))
THINK_TAGS = PRESETS["think-tags"]
BARE = ThinkingMarkers(open="<think>", close="</think>", opening="<think>", closing="", cue="\nA:")


def ids(tokenizer, *pieces):
    """Tokens by what they spell; a text that is no token is spelled by the tokenizer."""
    known = {piece: token for token, piece in enumerate(tokenizer.vocabulary)}
    return [
        token
        for piece in pieces
        for token in ([known[piece.encode()]] if piece.encode() in known else tokenizer.encode(piece))
    ]


async def answered(tokenizer, script, markers=THINK_TAGS, **fields):
    engine = ScriptedEngine(tokenizer, script)
    engine.tokenizer._tokenizer.chat_template = None
    reasoner = Reasoner(engine, ThinkingFormat.from_markers(tokenizer, markers))
    session = reasoner.submit(ReasonRequest(**{"prompt": "2+2?", "budget": 200, "checkpoints": [], **fields}))
    document = await session.wait()
    events = await events_of(session)
    thinking = "".join(event.delta for event in events if event.type == "thinking.delta")
    answer = "".join(event.delta for event in events if event.type == "answer.delta")
    return document, thinking, answer


@pytest.mark.parametrize(
    ("pieces", "thinking", "content"),
    [
        (("So 2+2 is 4.\n", "</", "think", ">\n\n", "It is 4."), "So 2+2 is 4.\n", "It is 4."),
        (("So 2+2 is 4", ".</", "think", ">\n\n", "It is 4."), "So 2+2 is 4.", "It is 4."),
        (("So 4 ", "</", "think", ">The", " answer is 4."), "So 4 ", "The answer is 4."),
        (("if a < b and a </ b ", "</", "think", ">\n\n", "4"), "if a < b and a </ b ", "4"),
        (tuple("So 4</think>4"), "So 4", "4"),
    ],
)
async def test_a_marker_counts_whatever_tokens_spell_it(pieces, thinking, content):
    document, told, answer = await answered(PLAIN, ids(PLAIN, *pieces))
    assert (document.thinking, document.answer.text) == (thinking, content)
    assert (told, answer.strip()) == (thinking, content)
    assert (document.stop_reason, document.usage.forced) == ("natural", 0)
    assert document.usage.thinking == document.budget.spent


@pytest.mark.parametrize("budget", range(1, 30))
async def test_no_budget_shows_a_part_of_the_marker_as_thinking(budget):
    script = ids(PLAIN, "So a < b is 4", ".</", "think", ">\n\n", "It is 4.")
    document, told, _ = await answered(PLAIN, script, budget=budget)
    assert "So a < b is 4.".startswith(document.thinking) or document.thinking == "So a <"
    assert told == document.thinking
    if document.stop_reason == "budget":
        assert document.budget.spent == budget


@pytest.mark.parametrize(
    "answer",
    [
        "\n\n<think>\nmore\n</think>\n\nIt is 4.",
        "\nHello, how</think>\n\nIt is 4.",
        "</think>\n\nIt is 4.",
        " so it is</think></think> It is 4.",
    ],
)
async def test_what_a_model_goes_on_to_think_after_a_cut_is_no_content(answer):
    script = ids(TAGS, "x" * 20, answer)
    document, _, told = await answered(TAGS, script, BARE, budget=20)
    assert document.stop_reason == "budget"
    assert document.answer.text == "It is 4."
    assert told.strip() == "It is 4."
    assert "<think>" not in document.answer.text


async def test_a_stray_marker_that_comes_late_begins_the_answer_anew():
    script = ids(TAGS, "x" * 20, "so " * 40, "</think>It is 4.")
    document, _, told = await answered(TAGS, script, BARE, budget=20)
    assert document.answer.text == "It is 4."
    assert told.endswith("It is 4.")


async def test_an_answer_may_speak_of_the_marker_where_the_model_has_closed_its_thinking_itself():
    script = ids(TAGS, "Hm.", "</think>", "Close it with </think>, always.")
    document, _, told = await answered(TAGS, script)
    assert document.answer.text == "Close it with </think>, always."
    assert told == document.answer.text


async def test_interim_answers_are_cleaned_as_final_ones_are():
    engine = ScriptedEngine(TAGS, ids(TAGS, "x" * 40), answer=ids(TAGS, "well</think> 4"))
    engine.tokenizer._tokenizer.chat_template = None
    reasoner = Reasoner(engine, ThinkingFormat.from_markers(TAGS, BARE))
    document = await reasoner.submit(ReasonRequest(prompt="2+2?", budget=30, checkpoints=[5, 10])).wait()
    assert [checkpoint.answer for checkpoint in document.checkpoints] == ["4", "4"]


async def test_a_familys_wrapper_is_no_content():
    markers = ThinkingMarkers(
        open="<think>", close="</think>", opening="<think>", wrapper=("<response>", "</response>")
    )
    script = ids(PLAIN, "Hm.", "</", "think", ">\n\n", "<response>It is < 4.</response>\n")
    document, _, told = await answered(PLAIN, script, markers)
    assert document.answer.text == "It is < 4."
    assert told.strip() == "It is < 4."


@pytest.mark.parametrize("budget", range(7, 18))
async def test_a_cut_inside_a_character_shows_no_half_of_it(budget):
    script = ids(PLAIN, "I like 😀😀", "</", "think", ">\n\n", "😀 4")
    document, told, _ = await answered(PLAIN, script, budget=budget)
    assert document.thinking == told
    assert "\N{REPLACEMENT CHARACTER}" not in document.thinking + document.answer.text
    assert "I like 😀😀".startswith(document.thinking)


@pytest.mark.parametrize("most", range(1, 6))
async def test_an_answer_cut_inside_a_character_shows_no_half_of_it(most):
    script = ids(PLAIN, "Hm.", "</", "think", ">\n\n", "😀😀")
    document, _, told = await answered(PLAIN, script, max_answer_tokens=most)
    assert document.answer.text == "😀" * (most // 4)
    assert told.strip() == document.answer.text


async def test_an_extension_goes_on_from_thinking_whose_marker_began_inside_a_token():
    engine = ScriptedEngine(PLAIN, ids(PLAIN, "So 4", ".</", "think", ">\n\n", "4", "xyz"))
    engine.tokenizer._tokenizer.chat_template = None
    reasoner = Reasoner(engine, ThinkingFormat.from_markers(PLAIN, THINK_TAGS))
    session = reasoner.submit(ReasonRequest(prompt="2+2?", budget=30, checkpoints=[]))
    first = await session.wait()
    assert (first.thinking, first.budget.spent) == ("So 4.", 5)
    reasoner.extend(session.id, 10, relative=True)
    second = await session.wait()
    assert second.thinking.startswith("So 4.")
    assert second.budget.spent > first.budget.spent
    events = await events_of(session)
    assert "".join(event.delta for event in events if event.type == "thinking.delta") == second.thinking


HARMONY = bpe(0, ("<|return|>", "<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|constrain|>"))
TURN = "<|end|><|start|>assistant"
CALL = '<|channel|>commentary to=functions.add <|constrain|>json<|message|>{"a":1}'


async def channels(text, *, tools=None, **fields):
    markers = PRESETS["gpt-oss"]
    engine = ScriptedEngine(HARMONY, HARMONY.encode(text))
    engine.tokenizer._tokenizer.chat_template = (
        "{{ tools }}{% for m in messages %}{{ m.content }}{% endfor %}<|start|>assistant"
    )
    reasoner = Reasoner(engine, ThinkingFormat.from_markers(HARMONY, markers))
    asked = ReasonRequest(**{"prompt": "1+1?", "budget": 200, "checkpoints": [], "tools": tools, **fields})
    session = reasoner.submit(asked)
    return await session.wait(), await events_of(session)


@pytest.mark.parametrize(
    ("text", "thinking", "content"),
    [
        (f"We add.{TURN}<|channel|>final<|message|>It is 2.", "We add.", "It is 2."),
        (f"We add.{TURN}<|channel|>final <|constrain|>json<|message|>2", "We add.", "2"),
        (
            f"One.{TURN}<|channel|>analysis<|message|>Two.{TURN}<|channel|>final<|message|>It is 2.",
            "One.\n\nTwo.",
            "It is 2.",
        ),
        (
            f"Hm.{TURN}<|channel|>commentary<|message|>I will look.{TURN}<|channel|>final<|message|>It is 2.",
            "Hm.",
            "I will look.\n\nIt is 2.",
        ),
        (f"Hm.{TURN}<|channel|>commentary<|message|>So:{TURN}<|channel|>analysis<|message|>no", "Hm.", "So:"),
        (f"We call.{TURN}{CALL}", "We call.", '{"a":1}'),
    ],
)
async def test_headers_are_never_text(text, thinking, content):
    document, events = await channels(text)
    assert (document.thinking, document.answer.text) == (thinking, content)
    told = "".join(event.delta for event in events if event.type == "answer.delta")
    assert told.strip() == content
    assert document.stop_reason == "natural"


async def test_a_call_of_an_offered_tool_keeps_the_header_by_which_it_is_read():
    tools = [{"type": "function", "function": {"name": "add"}}]
    document, _ = await channels(
        f"We call.{TURN} to=functions.add{CALL[:22]} <|constrain|>json<|message|>1", tools=tools
    )
    assert document.thinking == "We call."
    assert document.answer.text.endswith("to=functions.add <|constrain|>json<|message|>1")


async def test_after_a_cut_no_more_analysis_is_begun():
    document, _ = await channels(f"{'x' * 30}It is 2.{TURN}<|channel|>analysis<|message|>wait", budget=30)
    assert document.stop_reason == "budget"
    assert document.answer.text.startswith("It is 2.")
    assert "analysis" not in document.answer.text


async def test_a_family_without_a_cue_has_answers_too():
    markers = ThinkingMarkers(open="<think>", close="</think>", opening="<think>", closing="", cue="")
    for answer in ("full", "short"):
        document, _, _ = await answered(TAGS, ids(TAGS, "x" * 9, "It is 4."), markers, budget=9, answer=answer)
        assert (document.status, document.answer.text) == ("completed", "It is 4.")
