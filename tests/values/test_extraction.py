"""The value in an answer, however a model writes it."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from anytime_server.values import last_boxed, short_value, value_of, whole_value

CUE = "\n\n**Final Answer**\n"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        (r"\boxed{1} and \boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"thus $\boxed 2$.", "2"),
        (r"thus \boxed 2.", "2"),
        (r"so $\boxed 12$ it is", "12"),
        (r"\boxed2", "2"),
        (r"$\boxed \frac{1}{2}$", r"\frac{1}{2}"),
        (r"\fbox{2}", "2"),
        (r"\boxed {2}", "2"),
        (r"\boxed{ {a} }", "{a}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed{\left\{ 1 \right.}", r"\left\{ 1 \right."),
        (r"\boxed{12}, as asked in \boxed{}", "12"),
        (r"\boxed{\text{Evelyn}}", r"\text{Evelyn}"),
        (r"\boxed{12", None),
        (r"\boxed{3} no, wait: \boxed{12", None),
        (r"\boxed{\frac{1}{2}", None),
        (r"\boxed", None),
        (r"\boxedtext{1}", None),
        ("12", None),
    ],
)
def test_boxes_are_read_in_every_spelling(text, value):
    assert last_boxed(text) == value


@pytest.mark.parametrize(
    "text",
    [
        "42",
        "42.",
        "$$\n42\n$$",
        "$$42$$",
        "$42$.",
        "\\[\n42\n\\]",
        "\\[ 42 \\]",
        "\\( 42 \\)",
        "$$\n42",
        "```\n42\n```",
        "```python\n42\n```",
        "```42```",
        "~~~\n42\n~~~",
        "`42`",
        "- 42",
        "* 42",
        "+ 42",
        "• 42",
        "1. 42",
        "> 42",
        "> - **42**",
        "---\n42",
        "***\n\n42",
        "===\n42",
        "### 42",
        "#### 42",
        "**42**",
        "**42**.",
        "__42__",
        "*42*",
        "<answer>42</answer>",
        "<b>42</b>",
        "= 42",
        "=> 42",
        "\u2192 42",
        "<answer>\n42\n</answer>",
        "The answer is 42.",
        "The answer is **42**.",
        "The final answer is: **42**",
        "**The answer is 42**",
        "The answer is:\n\n42",
        "The answer is as follows:\n\n$$\n42\n$$",
        "The answer to the question is 42. I hope it is correct.",
        "The answer is 42. I hope the answer is clear.",
        "Answer: 42",
        "ANSWER: 42",
        "**Answer:** 42",
        "**Answer**: 42",
        "**Final Answer**\n42",
        "Final answer: $42$",
        "Here is my answer:\n- 42",
        "42. The rest is left over.",
        "The answer is 42, because 43 is too large.",
        "42, since 6 times 7 is that",
        "$42$. It follows.",
        "42\n\nI hope this answer is helpful!",
        r"\boxed{42}",
        r"The answer is $\boxed{42}$.",
        "\u7b54\u6848\u662f\uff1a42\u3002",
    ],
)
def test_a_short_answer_is_read_without_its_dress(text):
    assert short_value(text) == "42"
    assert value_of(f"Some words first.{CUE}{text}", CUE) == "42"


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("-42", "-42"),
        ("2**3", "2**3"),
        ("5!", "5!"),
        ("1, 2, 3, ...", "1, 2, 3, ..."),
        ("B. Paris", "B. Paris"),
        ("Mr. Darcy", "Mr. Darcy"),
        ("Paris!", "Paris"),
        ("It costs $5 and not $6", "It costs $5 and not $6"),
        ("7 apples\nmore", "7 apples"),
        ("Final answer: x = 12", "x = 12"),
        ("$$\n\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}\n$$", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        ("\\begin{pmatrix}\n1 \\\\\n2\n\\end{pmatrix}", r"\begin{pmatrix} 1 \\ 2 \end{pmatrix}"),
        ("**Final Answer**\n\\boxed{12", None),
        ("$$", None),
        ("```", None),
        ("---", None),
        ("  \n", None),
    ],
)
def test_what_is_no_dress_stays_and_what_says_nothing_is_no_value(text, value):
    assert short_value(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("First 3, then 4.\nThe answer is 7.", "7"),
        ("Adding gives 19.\n#### 19", "19"),
        ("I think.\n<answer>7</answer>", "7"),
        ("\\boxed{4}\n\n**Final Answer**\n5", "5"),
        ("\\boxed{4}. I hope the answer is what you wanted.", "4"),
        ("\\boxed{4}\n\n**Final Answer**\n", "4"),
        ("The answer is 4, or rather \\boxed{5", None),
        ("no value in here", None),
        ("3 + 4 = 7", None),
    ],
)
def test_a_full_answer_has_a_value_where_it_says_so(text, value):
    assert value_of(text) == value


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("\nThe best is B.\nAnswer: 7", "7"),
        ("Answer: 7\nor 8", "7\nor 8"),
        ("**Final Answer**\n**12**", "12"),
        ("**Final Answer**\n$$\n12\n$$", "12"),
        (r"So \boxed{7}.", "7"),
        (r"\boxed{7", ""),
        ("12. I hope it helps", "12. I hope it helps"),
    ],
)
def test_the_whole_value_is_all_that_an_answer_says(text, value):
    assert whole_value(text) == value


@given(st.text(alphabet="\\boxed{}$[]()*_`~#->. \n12ab:=answeris"))
def test_any_text_is_read(text):
    for value in (short_value(text), value_of(text), last_boxed(text)):
        assert value is None or value == value.strip()
    assert isinstance(whole_value(text), str)


@pytest.mark.parametrize(
    "piece",
    ["\\boxed{", "\\boxed{}", "$$\n", "```\n", "**", "answer ", "answer is ", "`", "$", "\\[", "> ", "1. ", "####\n"],
)
def test_the_work_is_bounded_by_the_length(piece):
    short_value(piece * 20_000)
    value_of(piece * 20_000)
