"""Accuracy at every budget, of a local model or a running server, with confidence intervals."""

from anytime_training.evaluation.curves import Curve, Point, measure
from anytime_training.evaluation.engine import EngineSource
from anytime_training.evaluation.local import LocalSource
from anytime_training.evaluation.questions import QuestionSet, from_file, from_source, synthetic
from anytime_training.evaluation.server import ServerSource
from anytime_training.evaluation.source import Reply, Rollout, Settings, Source
from anytime_training.evaluation.statistics import Estimate

__all__ = [
    "Curve",
    "EngineSource",
    "Estimate",
    "LocalSource",
    "Point",
    "QuestionSet",
    "Reply",
    "Rollout",
    "ServerSource",
    "Settings",
    "Source",
    "from_file",
    "from_source",
    "measure",
    "synthetic",
]
