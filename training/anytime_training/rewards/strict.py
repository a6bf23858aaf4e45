r"""The strict rule: what of an answer is judged, so that nobody is paid for thinking in the answer.

An answer of a hundred tokens has room for more thinking, and a reward for its last value would train a model to think
there, past its budget. So the first paragraph after the cue is judged and nothing else; an answer that closes the
thinking again, or opens it, is wrong; and where a verifier wants a `\boxed{}`, the paragraph must hold one. These are
the conditions of the authors of BRPO (arXiv 2505.13438, sail-sg/AnytimeReasoner).
"""

from dataclasses import dataclass

from anytime_server.controller import ThinkingFormat
from anytime_server.values.boxes import has_box

_BLANK_LINE = "\n\n"


@dataclass(frozen=True, slots=True)
class StrictRule:
    r"""What of an answer is judged.

    Attributes:
        cue: the text that every answer begins with.
        markers: texts that open the thinking or close it; an answer that holds one is wrong.
        boxed: whether the first paragraph must hold a `\boxed{}`.
        alone: whether an answer that goes on after its first paragraph is wrong.
    """

    cue: str
    markers: tuple[str, ...] = ()
    boxed: bool = False
    alone: bool = False

    @classmethod
    def of(cls, format: ThinkingFormat, cue: str, verifier: str) -> "StrictRule":
        r"""The rule for a model's format and a built-in verifier: `math` wants a box, `exact` nothing after the value.

        A verifier of another name gets the first paragraph as it stands.
        """
        markers = (*format.markers.closers, format.markers.reopener)
        return cls(cue, markers, boxed=verifier == "math", alone=verifier == "exact")

    def judged(self, answer: str) -> str | None:
        """The cue and the first paragraph after it; None if the answer is wrong whatever it says.

        An answer that does not begin with the cue has said nothing. The paragraph is empty if a blank line follows the
        cue, and the line break that a cue ends with may be half of it; blank lines count nothing where there is no cue.
        """
        if not answer.startswith(self.cue):
            return None
        said = answer[len(self.cue) :]
        if any(marker in said for marker in self.markers):
            return None
        paragraph, rest = self._split(answer)
        if (self.alone and rest.strip()) or (self.boxed and not has_box(paragraph)):
            return None
        return paragraph

    def _split(self, answer: str) -> tuple[str, str]:
        begin = len(self.cue) - 1 if self.cue.strip() else len(answer) - len(answer.lstrip())
        end = answer.find(_BLANK_LINE, begin)
        return (answer, "") if end < 0 else (answer[:end], answer[end:])
