"""One spelling for what LaTeX, Unicode and typists spell in several ways."""

import re
import unicodedata

_TEXT = re.compile(
    r"\\(?:text|textbf|textit|textrm|textsf|mathrm|mathbf|mathit|mathsf|mbox|operatorname)\s*\{([^{}]*)\}"
)
_FRACTION = re.compile(r"\\[dtc]frac(?![A-Za-z])")
_LAYOUT = re.compile(r"\\(?:left|right|big|bigl|bigr|Big|Bigl|Bigr|displaystyle|textstyle|limits)(?![A-Za-z])")
_THIN = re.compile(r"(?<=\d)(?:\\[,;:! ]|[\u00a0\u2009\u202f])(?=\d{3}(?!\d))")
_SPACE = re.compile(r"\\[,;: ]|\\q?quad(?![A-Za-z])|(?<!\\)~|\\!|[\u00a0\u2009\u202f]")
_DOTS = re.compile(r"\\(?:l|c|v)?dots(?![A-Za-z])|…|⋯")
_DEGREES = re.compile(r"\^\s*(?:\\circ|\{\s*\\circ\s*\})")
_ROOT = re.compile(r"\u221a\s*(\d+|[^\W\d_]|\([^()]*\))")
_RAISED = re.compile("[\u2070\u00b9\u00b2\u00b3\u2074-\u2079\u207b]+")
_SUPERSCRIPTS = str.maketrans("\u2070\u00b9\u00b2\u00b3\u2074\u2075\u2076\u2077\u2078\u2079\u207b", "0123456789-")
_SIGNS = str.maketrans(
    {"\u03c0": r"\pi ", "\u221e": r"\infty ", "\u2264": r"\le ", "\u2265": r"\ge ", "\u2260": r"\ne "}
    | {"\u00d7": r"\times ", "\u00b7": r"\cdot ", "\u00b0": r"^\circ ", "\u00b1": r"\pm ", "\u2205": r"\emptyset "}
    | {"\u222a": r"\cup ", "\u2229": r"\cap ", "\u2208": r"\in "}
)
FRACTION_SLASH = "\u2044"
_AROUND_SIGNS = re.compile(r"\s*([,;:=+*/^(){}\[\]<>|_]|(?<!\d)-|-)\s*")

_CHARACTERS = str.maketrans(
    {
        **dict.fromkeys("\u2212\u2010\u2011\u2012\u2013", "-"),
        **dict.fromkeys("\u2044\u2215\u00f7", "/"),
        **dict.fromkeys("\u201c\u201d", '"'),
        **dict.fromkeys("\u2018\u2019", "'"),
        **{chr(0xFEE0 + ord(sign)): sign for sign in "+,.%=()[]-/:;"},
    }
)
"""Minus signs and hyphens, slashes, quotes, and the full-width forms of East Asian typing."""

_COMMANDS = {
    r"\\pi": "π", r"\\infty": "∞", r"\\leq?": "≤", r"\\geq?": "≥", r"\\neq?": "≠", r"\\degree": "°",
    r"\\%": "%", r"\\\$": "$", r"\\#": "#", r"\\&": "&",
}  # fmt: skip
_COMMAND_PATTERNS = [
    (re.compile(pattern + ("(?![A-Za-z])" if pattern[-1].isalpha() or pattern[-1] == "?" else "")), character)
    for pattern, character in _COMMANDS.items()
]


def unified(value: str) -> str:
    r"""A value in one notation: `\dfrac`, `\text{...}`, thin spaces, the minus signs and the like are all the same."""
    text = _vulgar(value.translate(_CHARACTERS)).replace("{,}", ",")
    for pattern, replacement in (
        (_TEXT, r" \1 "),
        (_FRACTION, r"\\frac"),
        (_LAYOUT, ""),
        (_THIN, ","),
        (_SPACE, " "),
        (_DOTS, "..."),
        (_DEGREES, "°"),
        *_COMMAND_PATTERNS,
    ):
        text = pattern.sub(replacement, text)
    text = re.sub(r"\s+", " ", text).strip()
    while _is_braced(text):
        text = text[1:-1].strip()
    return text


def tightened(text: str) -> str:
    """A text without the spaces around signs; those between words and numbers stay."""
    return _AROUND_SIGNS.sub(r"\1", text)


def as_latex(text: str) -> str:
    r"""A text with its signs of mathematics as LaTeX spells them: `\sqrt{2}` for the sign of the root and a 2."""
    text = _ROOT.sub(lambda root: f"\\sqrt{{{root[1].strip('()')}}}", text.translate(_CHARACTERS))
    text = _RAISED.sub(lambda raised: f"^{{{raised[0].translate(_SUPERSCRIPTS)}}}", text)
    return text.translate(_SIGNS)


def _vulgar(text: str) -> str:
    """Fractions of one character written out: `1½` is `1 1/2`."""
    pieces = []
    for character in text:
        if unicodedata.category(character) == "No" and FRACTION_SLASH in unicodedata.normalize("NFKC", character):
            pieces.append(" " + unicodedata.normalize("NFKC", character).replace(FRACTION_SLASH, "/"))
        else:
            pieces.append(character)
    return "".join(pieces)


def _is_braced(text: str) -> bool:
    """Whether one pair of braces is around all of a text."""
    if not (text.startswith("{") and text.endswith("}")) or text.endswith("\\}"):
        return False
    depth = 0
    for position, character in enumerate(text):
        depth += {"{": 1, "}": -1}.get(character, 0)
        if depth == 0:
            return position == len(text) - 1
    return False
