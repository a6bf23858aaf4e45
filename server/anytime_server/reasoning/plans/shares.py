"""Whether the thinking that a request asks for can be shared out: among its trunks, and by its checkpoints."""

from typing import NoReturn

from anytime_client.protocol import MAX_CHECKPOINTS, CheckpointRule, ReasonRequest
from anytime_server.controller import CheckpointSchedule, ScheduleError
from anytime_server.engines import Sampling
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.plans.plan import Plan


def check_grant(plan: Plan) -> None:
    """Check that what is granted is enough for each trunk, and that its checkpoints are not too many.

    Raises:
        InvalidRequest: naming the field, and the remedy.
    """
    share = plan.granted // plan.trunks
    if share == 0 and plan.trunks > 1:
        _refuse_trunks(plan.trunks, plan.granted)
    if plan.request.min_budget > share:
        raise InvalidRequest(
            f"min_budget {plan.request.min_budget} is above the granted budget of {share} thinking tokens"
            f"{_per_trunk(plan.request)}; lower it",
            param="min_budget",
        )
    if len(plan.schedule(share).at) > MAX_CHECKPOINTS:
        raise InvalidRequest(
            f"more than {MAX_CHECKPOINTS} checkpoints over {share} thinking tokens; space them out",
            param="checkpoints",
        )


def check_trunks(request: ReasonRequest, sampling: Sampling, requested: int) -> None:
    """Check that several trunks can differ, that each has something to think with, and that one is not to agree.

    Raises:
        InvalidRequest: naming the field, and the remedy.
    """
    if request.trunks == 1:
        if "stop_when" in request.model_fields_set and request.stop_when and request.stop_when.consensus is not None:
            raise InvalidRequest(
                "one trunk always agrees with itself, and that is what this server's error rate was measured with: "
                "leave it out"
                if request.stop_when.asks_for_a_rate
                else "one trunk always agrees with itself: leave it out, or give trunks: 2 or more",
                param="stop_when.consensus",
            )
        return
    if sampling.temperature == 0:
        raise InvalidRequest(
            f"{request.trunks} trunks of a greedy model are all the same; set temperature above 0, or leave out trunks",
            param="trunks",
        )
    if requested < request.trunks:
        _refuse_trunks(request.trunks, requested)


def check_checkpoints(request: ReasonRequest, requested: int) -> None:
    """Check that the checkpoints that a request lists ascend, within what is `requested` for a trunk.

    Raises:
        InvalidRequest: if they don't.
    """
    if isinstance(request.checkpoints, CheckpointRule) or "checkpoints" not in request.model_fields_set:
        return
    try:
        CheckpointSchedule.explicit(request.checkpoints, requested)
    except ScheduleError as error:
        raise InvalidRequest(
            f"{error}{_per_trunk(request)}; give ascending lengths within the budget", param="checkpoints"
        ) from error


def _refuse_trunks(trunks: int, budget: int) -> NoReturn:
    raise InvalidRequest(
        f"{trunks} trunks can't share a budget of {budget} thinking tokens: raise it, or lower trunks", param="trunks"
    )


def _per_trunk(request: ReasonRequest) -> str:
    return f" for each of {request.trunks} trunks" if request.trunks > 1 else ""
