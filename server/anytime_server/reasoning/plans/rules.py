"""The rules by which a request ends its thinking: over its interim answers, and over the thinking itself."""

from anytime_client.protocol import ReasonRequest, StopWhen
from anytime_server.controller import CalibratedRule, PatternError, StoppingRule, ThinkingRule, compile_pattern
from anytime_server.errors import InvalidRequest


def stopping_rule(request: ReasonRequest, calibrated: CalibratedRule | None = None) -> StoppingRule:
    """Return the rule by which a request stops its thinking; the calibrated part of it is made when it is planned."""
    if request.stop_when is None:
        return StoppingRule()
    rules = request.stop_when
    return StoppingRule(rules.stable, rules.confidence, rules.consensus, calibrated)


def thinking_rule(request: ReasonRequest) -> ThinkingRule:
    """Return the rule to which a request holds its thinking.

    Raises:
        InvalidRequest: if its pattern can't be looked for.
    """
    try:
        return rule_of(request.stop_when)
    except PatternError as error:
        raise InvalidRequest(f"the pattern can't be searched for: {error}", param="stop_when.match") from error


def rule_of(stop_when: StopWhen | None) -> ThinkingRule:
    """Return the rule that `stop_when` holds thinking to.

    Raises:
        PatternError: if its pattern can't be looked for.
    """
    if stop_when is None:
        return ThinkingRule()
    pattern = None if stop_when.match is None else compile_pattern(stop_when.match)
    return ThinkingRule(loop=stop_when.loop is True, pattern=pattern)
