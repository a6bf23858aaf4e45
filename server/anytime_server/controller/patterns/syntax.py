r"""Regular expressions as trees. The syntax is that which Python, RE2 and Rust agree on.

    choice    = sequence ("|" sequence)*
    sequence  = (atom repeat?)*
    repeat    = "*" | "+" | "?" | "{m}" | "{m,}" | "{,n}" | "{m,n}"; lazy ones ("*?") too, which find the same
    atom      = character | "." | "[...]" | "[^...]" | "(choice)" | "(?:choice)" | "^" | "$" | escape
    escape    = \d \D \w \W \s \S | \b \B \A | \n \t \r \f \v \xHH \uHHHH | "\" and a character that is no letter

`(?i)`, `(?m)` and `(?s)` at the beginning mean what they mean in Python. What no automaton can do (back references,
look-around) is refused, and so is an end of the text, which can't be known while it grows.
"""

from string import hexdigits

from anytime_server.controller.errors import PatternError
from anytime_server.controller.patterns.tree import Characters, Choice, Kind, Node, Place, Repeat, Series, is_word

DEEPEST = 24
"""Groups inside each other."""

LARGEST_COUNT = 999
"""In braces; how large a whole pattern may become is bounded where it is compiled."""


def _not(kind: Kind) -> Kind:
    return lambda char: not kind(char)


KINDS = {
    **{"d": str.isdecimal, "w": is_word, "s": str.isspace},
    **{"D": _not(str.isdecimal), "W": _not(is_word), "S": _not(str.isspace)},
}
CONTROLS = {"n": "\n", "t": "\t", "r": "\r", "f": "\f", "v": "\v"}
HEX_DIGITS = {"x": 2, "u": 4}
OPEN_CLASS = 'a class is not closed; add "]"'
REPEATS: dict[str, tuple[int, int | None]] = {"*": (0, None), "+": (1, None), "?": (0, 1)}


def parse(pattern: str) -> Node:
    """Return the tree of `pattern`.

    Raises:
        PatternError: saying what is wrong with it.
    """
    return _Parser(pattern).parse()


class _Parser:
    """Reads a pattern from its first character to its last, by recursive descent."""

    def __init__(self, pattern: str) -> None:
        self._pattern = pattern
        self._at = 0
        self._depth = 0
        self._flags = self._read_flags()

    def parse(self) -> Node:
        node = self._choice()
        if self._at < len(self._pattern):
            raise PatternError(f'")" at character {self._at + 1} closes no group')
        return node

    # --- structure ---------------------------------------------------------------------------------------------------

    def _choice(self) -> Node:
        options = [self._sequence()]
        while self._take("|"):
            options.append(self._sequence())
        return options[0] if len(options) == 1 else Choice(tuple(options))

    def _sequence(self) -> Node:
        parts: list[Node] = []
        while self._peek() not in ("", "|", ")"):
            parts.append(self._repeated(self._atom()))
        return Series(tuple(parts))

    def _repeated(self, part: Node) -> Node:
        counts = self._counts()
        if counts is None:
            return part
        least, most = counts
        if most is not None and most < least:
            raise PatternError(f"{{{least},{most}}} ends below its beginning")
        self._take("?")
        if self._counts() is not None or self._peek() == "+":
            raise PatternError(f"a second repetition at character {self._at}; put the first one in a group")
        return Repeat(part, least, most)

    def _counts(self) -> tuple[int, int | None] | None:
        """Read how often the last part may come; None if nothing says so. Braces with no counts are characters."""
        if (sign := self._peek()) in REPEATS and sign:
            self._at += 1
            return REPEATS[sign]
        end = self._pattern.find("}", self._at)
        if sign != "{" or end < 0:
            return None
        first, comma, last = self._pattern[self._at + 1 : end].partition(",")
        if not (first or last) or not all(_is_count(count) for count in (first, last) if count):
            return None
        self._at = end + 1
        least = _count(first or "0")
        return least, (_count(last) if last else None) if comma else least

    def _atom(self) -> Node:
        char = self._next()
        match char:
            case "(":
                return self._group()
            case "[":
                return self._class()
            case "\\":
                return self._escape()
            case ".":
                return Characters(negated=True) if "s" in self._flags else Characters((("\n", "\n"),), negated=True)
            case "^":
                return Place.LINE_START if "m" in self._flags else Place.START
            case "$" if "m" in self._flags:
                return Place.LINE_END
            case "$":
                raise PatternError('"$" is the end of a text that still grows; begin with (?m) for an end of line')
            case "*" | "+" | "?":
                raise PatternError(f'nothing stands before "{char}" at character {self._at}')
        return self._characters(((char, char),))

    def _group(self) -> Node:
        self._depth += 1
        if self._depth > DEEPEST:
            raise PatternError(f"groups are nested deeper than {DEEPEST}; write a flatter one")
        if self._take("?") and not self._take(":"):
            raise PatternError("of groups that begin with (? there are (?:...), and (?i), (?m), (?s) at the beginning")
        node = self._choice()
        if not self._take(")"):
            raise PatternError('a group is not closed; add ")"')
        self._depth -= 1
        return node

    # --- characters --------------------------------------------------------------------------------------------------

    def _escape(self) -> Node:
        letter = self._next(r'a lone "\" at the end; write "\\" for the character')
        if letter in KINDS:
            return self._characters(kinds=(KINDS[letter],))
        if letter in ("b", "B", "A"):
            return Place("\\" + letter)
        char = self._escaped(letter)
        return self._characters(((char, char),))

    def _class(self) -> Node:
        negated = self._take("^")
        members = [self._members()]  # a "]" that comes first is a character
        while not self._take("]"):
            members.append(self._members())
        ranges = tuple(member for member in members if isinstance(member, tuple))
        kinds = tuple(member for member in members if not isinstance(member, tuple))
        return self._characters(ranges, kinds, negated=negated)

    def _members(self) -> tuple[str, str] | Kind:
        """Read a part of a class: a range of characters, a single one, or a kind of them."""
        first = self._member()
        ranges_on = self._peek() == "-" and self._pattern[self._at + 1 : self._at + 2] != "]"
        if not isinstance(first, str):
            return first
        if not ranges_on:
            return first, first
        self._at += 1
        last = self._member()
        if not isinstance(last, str) or last < first:
            raise PatternError(f'the range from "{first}" ends below its beginning; write "\\-" for the character')
        return first, last

    def _member(self) -> str | Kind:
        char = self._next(OPEN_CLASS)
        if char != "\\":
            return char
        letter = self._next(OPEN_CLASS)
        return "\b" if letter == "b" else KINDS.get(letter) or self._escaped(letter)

    def _escaped(self, letter: str) -> str:
        if letter in CONTROLS:
            return CONTROLS[letter]
        if letter in HEX_DIGITS:
            size = HEX_DIGITS[letter]
            digits = self._pattern[self._at : self._at + size]
            self._at += size
            if len(digits) == size and set(digits) <= set(hexdigits):
                return chr(int(digits, 16))
        if letter.isascii() and letter.isalnum():
            raise PatternError(f'"\\{letter}" means nothing here; there are no back references, nor ends of the text')
        return letter

    def _characters(
        self,
        ranges: tuple[tuple[str, str], ...] = (),
        kinds: tuple[Kind, ...] = (),
        *,
        negated: bool = False,
    ) -> Characters:
        return Characters(ranges, kinds, negated, folded="i" in self._flags)

    # --- the text itself ---------------------------------------------------------------------------------------------

    def _read_flags(self) -> str:
        head, closed, _ = self._pattern.removeprefix("(?").partition(")")
        if not self._pattern.startswith("(?") or not closed or not head or not set(head) <= set("ims"):
            return ""
        self._at = len(head) + len("(?)")
        return head

    def _peek(self) -> str:
        return self._pattern[self._at : self._at + 1]

    def _take(self, char: str) -> bool:
        taken = self._peek() == char
        self._at += taken
        return taken

    def _next(self, missing: str = "") -> str:
        char = self._peek()
        if not char:
            raise PatternError(missing)
        self._at += 1
        return char


def _is_count(text: str) -> bool:
    return text.isascii() and text.isdecimal()


def _count(text: str) -> int:
    if len(text) > len(str(LARGEST_COUNT)):
        raise PatternError(f"it repeats {text[:20]} times, which is more than {LARGEST_COUNT}")
    return int(text)
