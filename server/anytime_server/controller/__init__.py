"""The budget controller: pure logic over token ids, shared by the server and by training.

Nothing in here imports a web framework, an engine or torch.
"""

from anytime_server.controller.branch import branch, close, split_trunk
from anytime_server.controller.budget import BudgetPolicy, BudgetState, Ending, Phase
from anytime_server.controller.checkpoints import CheckpointSchedule
from anytime_server.controller.constraints import FREE, Constraint, Forbid, Force, Free
from anytime_server.controller.errors import (
    CalibrationError,
    ControllerError,
    ForcedTokenError,
    FormatError,
    LostMessageError,
    PatternError,
    ScheduleError,
    TemplateError,
    ToolsError,
)
from anytime_server.controller.format import ThinkingFormat
from anytime_server.controller.harmony import HarmonyCall, HarmonyPart, HarmonyReader, HarmonyText
from anytime_server.controller.loops import LoopDetector
from anytime_server.controller.markers import PRESETS, ThinkingMarkers
from anytime_server.controller.patterns import Pattern, PatternSearch, compile_pattern
from anytime_server.controller.prompt import Conversation, render_prompt, write_direct, write_prompt
from anytime_server.controller.pruning import PruningRule
from anytime_server.controller.risk import CalibratedRule, Calibration, Conditions
from anytime_server.controller.search import MarkerSearch, Move, Standing
from anytime_server.controller.seeds import mix
from anytime_server.controller.sentences import sentence_end_ids
from anytime_server.controller.shares import share_evenly
from anytime_server.controller.stopping import DONE_BY, InterimVerdict, StoppingRule, StopReason
from anytime_server.controller.template import BUDGET_VARIABLE, check_format_name, detect, thinks, words_of
from anytime_server.controller.tokenizer import Message, Tokenizer, Tool
from anytime_server.controller.votes import Ballot, Outcome, count
from anytime_server.controller.watching import ThinkingRule, ThinkingWatch

__all__ = [
    "BUDGET_VARIABLE",
    "DONE_BY",
    "FREE",
    "PRESETS",
    "Ballot",
    "BudgetPolicy",
    "BudgetState",
    "CalibratedRule",
    "Calibration",
    "CalibrationError",
    "CheckpointSchedule",
    "Conditions",
    "Constraint",
    "ControllerError",
    "Conversation",
    "Ending",
    "Forbid",
    "Force",
    "ForcedTokenError",
    "FormatError",
    "Free",
    "HarmonyCall",
    "HarmonyPart",
    "HarmonyReader",
    "HarmonyText",
    "InterimVerdict",
    "LoopDetector",
    "LostMessageError",
    "MarkerSearch",
    "Message",
    "Move",
    "Outcome",
    "Pattern",
    "PatternError",
    "PatternSearch",
    "Phase",
    "PruningRule",
    "ScheduleError",
    "Standing",
    "StopReason",
    "StoppingRule",
    "TemplateError",
    "ThinkingFormat",
    "ThinkingMarkers",
    "ThinkingRule",
    "ThinkingWatch",
    "Tokenizer",
    "Tool",
    "ToolsError",
    "branch",
    "check_format_name",
    "close",
    "compile_pattern",
    "count",
    "detect",
    "mix",
    "render_prompt",
    "sentence_end_ids",
    "share_evenly",
    "split_trunk",
    "thinks",
    "words_of",
    "write_direct",
    "write_prompt",
]
