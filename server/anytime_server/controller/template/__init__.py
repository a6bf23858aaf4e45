"""What a model's chat template and vocabulary say about its family.

switches.py    the variables by which it switches thinking on and off
probing.py     what it writes for a conversation made up for the purpose: does it think, how does it open it
detection.py   the family's markers, from all of that
"""

from anytime_server.controller.template.detection import check_format_name, detect, markers_of
from anytime_server.controller.template.probing import learned_opening, thinks
from anytime_server.controller.template.switches import BUDGET_VARIABLE, switched, words_of

__all__ = [
    "BUDGET_VARIABLE",
    "check_format_name",
    "detect",
    "learned_opening",
    "markers_of",
    "switched",
    "thinks",
    "words_of",
]
