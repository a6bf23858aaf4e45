import pytest

from anytime_server.controller import (
    PRESETS,
    FormatError,
    TemplateError,
    ThinkingFormat,
    render_prompt,
    sentence_end_ids,
)
from anytime_server.engines.hf_tokenizer import HFTokenizer
from fakes import ByteTokenizer
from tiny_models import FAMILIES, tiny_tokenizer

QUESTION = [{"role": "user", "content": "2+2?"}]


@pytest.mark.parametrize("family", FAMILIES)
def test_each_family_is_detected_and_its_prompt_opens_the_thinking_once(family):
    tokenizer = HFTokenizer(tiny_tokenizer(family))
    format = ThinkingFormat.resolve(tokenizer)
    assert format.markers == PRESETS[family]
    text = tokenizer.decode(render_prompt(QUESTION, tokenizer, format))
    assert text.count(format.markers.open) == 1
    assert text.rstrip().endswith(format.markers.open)
    assert "2+2?" in text


def test_markers_of_several_tokens_are_resolved():
    tokenizer = HFTokenizer(tiny_tokenizer("gpt-oss"))
    format = ThinkingFormat.resolve(tokenizer)
    assert len(format.close_ids) > 1
    assert format.closing_ids[-len(format.close_ids) :] == format.close_ids


def test_a_question_that_spells_the_open_marker_does_not_pass_for_open_thinking():
    tokenizer = HFTokenizer(tiny_tokenizer("qwen3"))
    format = ThinkingFormat.resolve(tokenizer)
    text = tokenizer.decode(render_prompt([{"role": "user", "content": "what is <think>"}], tokenizer, format))
    assert text.endswith("assistant\n<think>\n")


def test_a_model_without_markers_is_refused_with_a_remedy():
    tokenizer = ByteTokenizer()
    tokenizer.is_token = lambda text: False
    with pytest.raises(FormatError, match="--thinking-format"):
        ThinkingFormat.resolve(tokenizer)


def test_a_model_can_declare_its_own_format():
    tokenizer = ByteTokenizer()
    tokenizer.declared_format = {"open": "<r>", "close": "</r>", "cue": "\nSo:"}
    format = ThinkingFormat.resolve(tokenizer)
    assert tokenizer.decode(format.close_ids) == "</r>"
    assert tokenizer.decode(format.cue_ids) == "\nSo:"


@pytest.mark.parametrize(
    ("entry", "match"),
    [
        ({"open": "<r>"}, "thinking_format lacks close$"),
        ({}, "thinking_format lacks open and close$"),
        ({"open": "<r>", "close": "</r>", "clsing": "x"}, "unknown keys: clsing; it takes close, closing, cue, open"),
    ],
)
def test_a_wrong_declaration_is_refused(entry, match):
    tokenizer = ByteTokenizer()
    tokenizer.declared_format = entry
    with pytest.raises(FormatError, match=match):
        ThinkingFormat.resolve(tokenizer)


def test_an_unknown_or_unfitting_name_is_refused():
    with pytest.raises(FormatError, match="unknown thinking format"):
        ThinkingFormat.resolve(ByteTokenizer(), "nope")


@pytest.mark.parametrize("closing", ["Time is up.", "Time is up.</think>"])
def test_a_closing_always_ends_with_the_close_marker_once(closing):
    tokenizer = ByteTokenizer()
    format = ThinkingFormat.resolve(tokenizer, "think-tags").override(tokenizer, closing=closing, cue="So ")
    assert tokenizer.decode(format.closing_ids) == "Time is up.</think>"
    assert tokenizer.decode(format.cue_ids) == "So "


def test_sentence_ends_are_found_in_the_vocabulary():
    assert {ord("."), ord("\n"), ord("?")} <= sentence_end_ids(ByteTokenizer())
    assert ord("a") not in sentence_end_ids(ByteTokenizer())


def test_a_template_that_stumbles_over_a_message_refuses_it():
    inner = tiny_tokenizer("qwen3")
    inner.chat_template = "{{ 'total: ' + 1 }}"
    with pytest.raises(TemplateError, match="refuses"):
        HFTokenizer(inner).render_chat([{"role": "user", "content": "hi"}])
