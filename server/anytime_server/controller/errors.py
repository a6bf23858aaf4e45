"""Errors of the controller.

ControllerError (ValueError)
├── FormatError          a model's thinking format is unknown or can't be resolved to token ids
├── TemplateError        the chat template refuses a conversation
│   ├── LostMessageError ... or leaves a message of it out
│   └── ToolsError       ... or has no place for tools
├── ScheduleError        a checkpoint schedule that can't be met
├── PatternError         a pattern that can't be looked for
├── CalibrationError     a calibration that can't be read, or that was made for something else
└── ForcedTokenError     an engine did not emit the token it was forced to
"""


class ControllerError(ValueError):
    """Root of every error the controller raises."""


class FormatError(ControllerError):
    """The thinking markers of a model are unknown, missing or malformed."""


class TemplateError(ControllerError):
    """The model's chat template refuses a conversation, e.g. one whose roles do not alternate."""


class LostMessageError(TemplateError):
    """The model's chat template leaves out a message, or its calls, in whichever form it is given."""

    def __init__(self, text: str, index: int) -> None:
        """Say so of the message at `index` of the conversation."""
        super().__init__(text)
        self.index = index


class ToolsError(TemplateError):
    """The model's chat template has no place for tools."""


class ScheduleError(ControllerError):
    """Checkpoints that are negative, unsorted or beyond the budget."""


class PatternError(ControllerError):
    """A regular expression that is malformed, too large, or beyond what takes linear time."""


class CalibrationError(ControllerError):
    """A calibration of `anytime calibrate` is no such thing, or was made for another model, format or sampling."""


class ForcedTokenError(ControllerError):
    """An engine emitted another token than the one the state machine forced."""
