"""Requests that ask for an error rate: what they leave open, whether the server's calibration fits, and their rule."""

from dataclasses import replace

from anytime_client.protocol import InterimOptions, ReasonRequest, StopWhen
from anytime_server.controller import (
    CalibratedRule,
    Calibration,
    CalibrationError,
    Conditions,
    ThinkingMarkers,
)
from anytime_server.controller.risk.conditions import SAMPLING_FIELDS, START_FIELDS
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.plans.plan import Plan

NO_CALIBRATION = (
    "this server has no calibration: start it with --calibration FILE (anytime calibrate makes one), or leave it out"
)


def check_calibration(calibration: Calibration, names: tuple[str, ...], markers: ThinkingMarkers) -> None:
    """Check that a calibration was made for the served model, under one of its names, and its thinking format.

    Raises:
        CalibrationError: naming what differs.
    """
    made_for = calibration.conditions
    served = replace(made_for, model=made_for.model if made_for.model in names else names[0]).with_markers(markers)
    if differences := made_for.differences(served, START_FIELDS):
        raise CalibrationError(
            f"--calibration was made for something else: {'; '.join(differences)}; calibrate what is served here (the "
            "same model under another name is served with --served-model-name)"
        )


def check_default_rates(rules: StopWhen | None, calibration: Calibration | None) -> None:
    """Check that an operator's own rates can be kept.

    Raises:
        CalibrationError: if there is no calibration, or its problems were too few.
    """
    if rules is None or not rules.asks_for_a_rate:
        return
    if calibration is None:
        raise CalibrationError("--stop-when risk and give_up need --calibration FILE; anytime calibrate makes one")
    calibration.rule(rules.risk, rules.give_up)


def as_calibrated(request: ReasonRequest, calibration: Calibration | None) -> ReasonRequest:
    """Return a request that asks for a rate with the calibration's budget, checkpoints, trunks and sampling.

    What it names itself stays. An operator's rate gives way, with all that comes with it, to a request that asks for
    something else; also to one that has not asked for as many trunks, each of which costs as much as the first.
    """
    if calibration is None or request.stop_when is None or not request.stop_when.asks_for_a_rate:
        return request
    named, made_for = request.model_fields_set, calibration.conditions
    if "stop_when" not in named and _asks_otherwise(request, made_for):
        return _without_rates(request)
    values = {"budget": made_for.budget, "checkpoints": list(made_for.checkpoints), "trunks": made_for.trunks}
    values |= {name: getattr(made_for, name) for name in SAMPLING_FIELDS}
    absent = {name: value for name, value in values.items() if name not in named or getattr(request, name) is None}
    return ReasonRequest.model_construct(named, **{**dict(request), **absent, "interim": _interim(request, made_for)})


def conditions_of(plan: Plan, model: str) -> Conditions:
    """Return what a calibration of `model` must have been made for to say anything about a plan."""
    markers, sampling, interim = plan.format.markers, plan.sampling, plan.request.interim
    return Conditions(
        model=model,
        open=markers.open,
        close=markers.close,
        closing=markers.closing if plan.request.closing is None else plan.request.closing,
        cue=markers.cue if plan.request.cue is None else plan.request.cue,
        temperature=sampling.temperature,
        top_p=1.0 if sampling.top_p is None else sampling.top_p,
        top_k=sampling.top_k or 0,
        min_p=sampling.min_p or 0.0,
        interim_samples=interim.samples,
        interim_temperature=plan.interim_sampling.temperature,
        interim_max_tokens=plan.max_interim_tokens,
        budget=plan.granted,
        checkpoints=plan.schedule(plan.granted // plan.trunks).at,
        trunks=plan.trunks,
    )


def calibrated_rule(
    request: ReasonRequest, conditions: Conditions, calibration: Calibration | None
) -> CalibratedRule | None:
    """Return the rule for the rates that a request asks for; None where an operator's rate gives way.

    Args:
        request: asks for a rate.
        conditions: how its session will think and answer.
        calibration: the server's.

    Raises:
        InvalidRequest: if it named a rate itself, and there is no calibration, or it does not fit.
    """
    rules = request.stop_when
    assert rules is not None
    param = "stop_when.risk" if rules.risk is not None else "stop_when.give_up"
    try:
        if calibration is None:
            raise CalibrationError(NO_CALIBRATION)
        if differences := [*calibration.conditions.differences(conditions), *_fewer_votes(request)]:
            raise CalibrationError(
                f"the server's calibration was made for something else: {'; '.join(differences)}; leave these fields "
                "out, or set them as the file has them"
            )
        return calibration.rule(rules.risk, rules.give_up)
    except CalibrationError as error:
        if "stop_when" not in request.model_fields_set:
            return None
        raise InvalidRequest(str(error), param=param) from error


def _asks_otherwise(request: ReasonRequest, made_for: Conditions) -> bool:
    """Whether a field that can be compared as it stands is another, or does not go with the calibration's budget."""
    named = request.model_fields_set
    own = {name: getattr(request, name) for name in ("budget", *SAMPLING_FIELDS) if name in named}
    return (
        any(value is not None and value != getattr(made_for, name) for name, value in own.items())
        or ("checkpoints" in named and request.checkpoints != list(made_for.checkpoints))
        or request.trunks != made_for.trunks
        or request.min_budget > made_for.budget // made_for.trunks
        or bool(_fewer_votes(request))
    )


def _fewer_votes(request: ReasonRequest) -> list[str]:
    """Say by which fields not all trunks think to their end: no calibration was made with them."""
    given = {"prune": request.prune, "first": request.first is not None}
    return [f"{name} {getattr(request, name)} (the file: none)" for name, is_given in given.items() if is_given]


def _without_rates(request: ReasonRequest) -> ReasonRequest:
    assert request.stop_when is not None
    rules = request.stop_when.model_copy(update={"risk": None, "give_up": None})
    left = rules if rules.model_dump(exclude_none=True) else None
    return ReasonRequest.model_construct(request.model_fields_set, **{**dict(request), "stop_when": left})


def _interim(request: ReasonRequest, made_for: Conditions) -> InterimOptions:
    """How interim answers are drawn, field by field."""
    asked = request.interim
    own = asked.model_fields_set if "interim" in request.model_fields_set else set()
    values = {
        "samples": made_for.interim_samples,
        "max_tokens": made_for.interim_max_tokens,
        "temperature": made_for.interim_temperature,
    }
    kept = {name: getattr(asked, name) for name in own}
    return InterimOptions.model_construct(asked.model_fields_set, **{**values, **kept})
