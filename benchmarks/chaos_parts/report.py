"""The numbers of a chaos run: what was counted, and how long readers waited."""

from collections.abc import Sequence

from chaos_parts.compare import equal_sessions, equal_token_logs
from chaos_parts.run import Run
from chaos_parts.scenario import Scenario
from harness.measure import Series
from harness.report import Row

SILENCE_S = 3.0
"""The longest that 95 of 100 readers may wait for their next event, a second engine and a second server being warm."""


def rows(scenario: Scenario, run: Run, twin: Run, found: Sequence[str]) -> list[Row]:
    """Return the table's rows."""
    transcripts = list(run.transcripts.values())
    silences = sorted(transcript.longest_silence_s for transcript in transcripts)
    quiet = sorted(transcript.longest_silence_s for transcript in twin.transcripts.values())
    sessions = len(transcripts)
    effective = sum(proof.took_effect for proof in run.proofs)
    same = equal_token_logs(run, twin)
    tokens = _row("sessions", "token logs equal to the twin's", same, "", bar=sessions, limit=sessions)
    counted = [
        _row("faults", "processes killed or stopped, with proof", effective, "", bar=len(scenario.faults) or None),
        _row("faults", "connections cut", run.cut, ""),
        _row("faults", "streams that broke off", sum(each.broken for each in transcripts), ""),
        _row("faults", "times sessions went on with another engine", _resumed(run, "engine"), ""),
        _row("faults", "times sessions went on in another server", _resumed(run, "server"), ""),
        _row("sessions", "equal to the undisturbed twin", equal_sessions(run, twin), "", bar=sessions, limit=sessions),
        *([tokens] if scenario.fleet.redis else []),
        _row("sessions", "findings", len(found), ""),
        _row("sessions", "thinking tokens", sum(each.spent for each in transcripts), ""),
        _row("sessions", "time", run.seconds, "s"),
        _row("sessions", "time of the twin", twin.seconds, "s"),
    ]
    bar = SILENCE_S if scenario.fleet.servers > 1 and scenario.fleet.workers > 1 else None
    waited = [
        _row("silence", "longest of a stream, median", share(silences, 0.5), "s"),
        _row(
            "silence",
            "longest of a stream, p95",
            share(silences, 0.95),
            "s",
            bar=bar,
            better="lower",
        ),
        _row("silence", "longest of all", silences[-1], "s"),
        _row("silence", "p95 of the twin", share(quiet, 0.95), "s"),
    ]
    return [*counted, *waited]


def share(values: Sequence[float], at: float) -> float:
    """Return the value that a share of the sorted values does not exceed."""
    return values[min(len(values) - 1, max(0, round(at * len(values)) - 1))]


def _resumed(run: Run, cause: str) -> int:
    return sum(transcript.resumed(cause) for transcript in run.transcripts.values())


def _row(section: str, name: str, value: float, unit: str, **more: object) -> Row:
    return Row(section, name, Series((value,)), unit, **more)  # type: ignore[arg-type]
