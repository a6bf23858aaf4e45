"""Errors of the training package.

TrainingError (ValueError)
├── RecipeError       a recipe that is unknown, malformed or has a bad key
├── OutputError       an output directory that can't be written
├── VerifierError     a verifier that is unknown, can't be loaded or breaks its contract
├── DataError         a source of problems that can't be loaded, lacks a column or an answer, or is empty
├── RolloutError      the process that asks a vLLM server for all of them has failed
└── EvaluationError   an evaluation that can't be done: its options, its model or its server

RunStopped (Exception) is no error: a run was asked to end before its last step, and can go on.
"""


class TrainingError(ValueError):
    """Root of every error that a user of the training commands can cause; its text names the remedy."""


class RecipeError(TrainingError):
    """A recipe is unknown, or a key of it is unknown or has a bad value."""


class OutputError(TrainingError):
    """An output directory can't be written."""


class VerifierError(TrainingError):
    """A verifier is unknown, can't be loaded or started, or returned something that is no reward."""


class DataError(TrainingError):
    """A source of problems can't be loaded, lacks a column or an answer, or has no problem left after filtering."""


class RolloutError(TrainingError):
    """The process that asks a vLLM server for the rollouts of all has failed; it tells more."""


class EvaluationError(TrainingError):
    """An evaluation can't be done as asked: an option, the model or the server is at fault."""


class RunStopped(Exception):
    """A run was asked to end before its last step; the text says how to go on."""
