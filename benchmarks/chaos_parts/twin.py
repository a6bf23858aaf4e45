"""The twin of a run: the same sessions, undisturbed, on one server with an engine of its own.

What a reader asks of a running session comes at whatever token it has reached by then, which no second run meets again.
But a session whose thinking was closed at token k is the session with a budget of k, and one that was extended on its
way is the one that had the whole budget from its start (prefix consistency). So these are what they are compared with.
"""

from dataclasses import replace

from chaos_parts.scenario import FleetPlan, Scenario, SessionPlan
from chaos_parts.transcript import Transcript


def twin_of(scenario: Scenario, transcripts: dict[str, Transcript]) -> Scenario:
    """Return the undisturbed scenario that gives what `scenario` should have given, as `transcripts` tell it went."""
    fleet = scenario.fleet
    quiet = FleetPlan(redis=fleet.redis, engine=fleet.engine, model=fleet.model)
    sessions = tuple(_undisturbed(plan, transcripts[plan.name]) for plan in scenario.sessions)
    return Scenario(scenario.seed, quiet, sessions)


def _undisturbed(plan: SessionPlan, transcript: Transcript) -> SessionPlan:
    plan = replace(plan, reader="strict", cuts=(), begins=0, unread_until=0)
    if plan.steer is None or plan.steer.after is None:
        return plan
    if plan.steer.action == "extend":
        return replace(plan, steer=None, body={**plan.body, "budget": plan.steer.budget})
    document = transcript.document
    if document is None or document["stop_reason"] != "answer_now":
        return replace(plan, steer=None)
    spent = document["budget"]["spent"]
    return replace(plan, steer=None, body={**plan.body, "budget": spent, "min_budget": spent})
