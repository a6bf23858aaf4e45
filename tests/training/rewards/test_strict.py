"""The strict rule: the first paragraph after the cue, one close marker in all, a box where the verifier wants one."""

import pytest

from anytime_training.rewards.answer import AnswerReward
from anytime_training.rewards.strict import StrictRule

CUE = "\n\n**Final Answer**\n"
MARKERS = ("</think>", "<think>")
MATH = StrictRule(CUE, MARKERS, boxed=True)
EXACT = StrictRule("\nAnswer:", MARKERS, alone=True)
OWN = StrictRule(CUE, MARKERS)


@pytest.mark.parametrize(
    ("said", "judged"),
    [
        (r"\boxed{42}", True),
        (r"Wait, 6*7 is 42, so \boxed{42}", True),
        ("\\[\n\\boxed{42}\n\\]", True),
        ("Wait, 6*7 is 42.\n\nSo it is \\boxed{42}", False),
        ("\n\\boxed{42}", False),
        ("42", False),
        ("\\boxed{42}</think>\\boxed{42}", False),
        ("<think>\\boxed{42}", False),
        ("\\boxed{42}\n\n</think>", False),
        ("", False),
    ],
)
def test_a_boxed_answer_is_judged_if_its_first_paragraph_has_the_box(said, judged):
    assert (MATH.judged(CUE + said) is not None) is judged


def test_what_follows_the_first_paragraph_is_not_judged():
    assert MATH.judged(CUE + "\\boxed{41}\n\nHmm, no: \\boxed{42}") == CUE + r"\boxed{41}"
    assert OWN.judged(CUE + "41\n\nHmm, no: 42") == CUE + "41"


def test_an_answer_that_must_stand_alone_is_wrong_if_it_goes_on():
    assert EXACT.judged("\nAnswer: 7\n\n") == "\nAnswer: 7"
    assert EXACT.judged("\nAnswer: 7\n\n8") is None


def test_an_answer_without_the_cue_has_said_nothing():
    assert OWN.judged("") is None
    assert OWN.judged("42") is None


def test_without_a_cue_the_first_paragraph_with_text_is_judged():
    assert StrictRule("").judged("\n\n42\n\n43") == "\n\n42"


@pytest.mark.parametrize(
    ("verifier", "boxed", "alone"), [("math", True, False), ("exact", False, True), ("mine.py:score", False, False)]
)
def test_the_rule_of_a_verifier_has_the_markers_of_the_model(verifier, boxed, alone):
    from transformers import AutoTokenizer

    from anytime_server.controller import ThinkingFormat
    from anytime_server.engines.choice import EMBEDDED_PATH
    from anytime_server.engines.hf_tokenizer import HFTokenizer

    format = ThinkingFormat.resolve(HFTokenizer(AutoTokenizer.from_pretrained(EMBEDDED_PATH)))
    rule = StrictRule.of(format, "\nAnswer:", verifier)
    assert (rule.boxed, rule.alone) == (boxed, alone)
    assert set(rule.markers) == {"<think>", "</think>"}


def test_a_strict_reward_is_never_above_the_lax_one_for_exact():
    lax, strict = AnswerReward.create("exact"), AnswerReward.create("exact", rule=EXACT)
    said = [" 7", " 7\n\n8", " 8\n\n7", " 7</think> 7", " 7\n7"]
    texts = [f"\nAnswer:{text}" for text in said]
    pairs = list(zip(strict(texts, ["7"] * 5), lax(texts, ["7"] * 5), strict=True))
    assert all(a <= b for a, b in pairs)
    assert pairs[0] == (1.0, 1.0)


def test_the_evasions_of_the_lax_rule_earn_nothing():
    pytest.importorskip("math_verify")
    said = [
        "Wait, 6*7 is 42.\n\nSo it is \\boxed{42}",
        "\\boxed{41}\n\nHmm, no: \\boxed{42}",
        "</think>\\boxed{42}",
        r"\boxed{42}",
    ]
    texts = [CUE + text for text in said]
    with AnswerReward.create("math", workers=1) as lax, AnswerReward.create("math", workers=1, rule=MATH) as strict:
        assert lax(texts, ["42"] * 4) == [1.0, 1.0, 1.0, 1.0]
        assert strict(texts, ["42"] * 4) == [0.0, 0.0, 0.0, 1.0]
        assert strict.counts.verified == 2
