"""When two values are equal as mathematics, and where math-verify alone would be wrong."""

import pytest

from anytime_server.values import mathematics

pytestmark = pytest.mark.skipif(not mathematics.is_installed(), reason="math-verify is not installed")


@pytest.mark.parametrize(
    ("accepted", "value"),
    [
        (r"\sqrt{8}", r"2\sqrt{2}"),
        (r"\sqrt{2}", "1.414214"),
        (r"\pi", "3.14159"),
        ("2,1", "1,2"),
        (r"\{1,2\}", r"\{2,1\}"),
        ("5", "x=5"),
        ("x=5", "5"),
        (r"\left( 3, \frac{\pi}{2} \right)", r"(3, \pi/2)"),
        ("2xy", "2yx"),
        ("x^2+1", "1+x^2"),
        ("2^{10}", "1024"),
        (r"\frac{1}{2^{98}}+\frac{1}{2^{98}}", r"\frac{1}{2^{97}}"),
        ("(0.333333,1)", r"(\frac13,1)"),
        ("1<x<3", "(1,3)"),
        (r"\begin{pmatrix}1\\2\end{pmatrix}", r"\begin{pmatrix}1\\2.0\end{pmatrix}"),
        ("12", "12 apples"),
        ("12", r"12\text{ cm}"),
        ("90", r"90^\circ"),
        (r"50\%", "50"),
        (r"50\%", "0.5"),
        (r"2\text{ and }3", "2,3"),
        (r"\infty", r"\infty"),
        (r"\sqrt{2}", "\u221a2"),
        (r"2\pi", "2\u03c0"),
        ("x^{10}", "x\u00b9\u2070"),
        ("10^{20}", "1e20"),
        ("1.5+x", "x+1\\frac12"),
    ],
)
def test_equal_values(accepted, value):
    assert mathematics.equals(accepted, value)


@pytest.mark.parametrize(
    ("accepted", "value"),
    [
        ("ABC", "ACB"),
        ("cat", "tac"),
        ("felt", "left"),
        (r"\text{cat}", r"\text{tac}"),
        (r"\frac{1}{2^{99}}", r"\frac{1}{2^{98}}"),
        ("0.0000002", "0.0000001"),
        (r"10^{-20}", "0"),
        (r"10^{-20}", r"2\cdot 10^{-20}"),
        (r"e^{-100}", r"e^{-101}"),
        (r"(\frac{1}{2^{98}},1)", r"(\frac{1}{2^{99}},1)"),
        (r"\{\frac{1}{2^{98}}\}", r"\{\frac{1}{2^{99}}\}"),
        (r"\frac{x}{2^{98}}", r"\frac{x}{2^{99}}"),
        (r"x+\frac{1}{2^{98}}", r"x+\frac{1}{2^{99}}"),
        (r"x=\frac{1}{2^{98}}", r"x=\frac{1}{2^{99}}"),
        (r"x<\frac{1}{2^{98}}", r"x<\frac{1}{2^{99}}"),
        ("(0.0000001,1)", "(0.0000002,1)"),
        (r"1, 2, \ldots, n", r"1, 3, 5, \ldots, 2n-1"),
        (r"\sqrt{2}", "1.41"),
        (r"\frac{1}{3}", "0.3333"),
        ("(1,2)", "(2,1)"),
        ("(1,2)", "[1,2]"),
        ("x=5", "y=5"),
        (r"12\text{ m}", r"12\text{ cm}"),
        ("50", "0.5"),
        ("1,234", "1, 234"),
        ("12", "1, 2"),
        (r"\infty", r"-\infty"),
        ("i", "-i"),
        (r"\sin x", r"\cos x"),
        ("3", r"\frac{1}{"),
    ],
)
def test_unequal_values(accepted, value):
    assert not mathematics.equals(accepted, value)


@pytest.mark.parametrize("accepted", ["", "  "])
def test_an_accepted_value_that_cannot_be_read_is_an_error(accepted):
    with pytest.raises(ValueError, match="accepted value"):
        mathematics.equals(accepted, "1")


@pytest.mark.parametrize(
    "value", ["", "\\", "{", "}{", "\\frac", "$", "\\begin{pmatrix}", "1/0", r"\frac{0}{0}", "\x00", "\\sqrt[", "x_"]
)
def test_no_value_is_an_error(value):
    assert not mathematics.equals("12", value)
    assert not mathematics.equals(r"\frac{x}{2}", value)
    assert not mathematics.found_in("12", value)
