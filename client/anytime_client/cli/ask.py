"""`anytime ask`. Nothing heavy is imported until the question is asked."""

from typing import TYPE_CHECKING, Annotated, cast

import typer

from anytime_client.cli.exits import complain, errors_in_one_line
from anytime_client.cli.question import checked_text, read_question
from anytime_client.cli.rules import CHECKPOINT_FORMS, NONE, STOP_WHEN_FORMS, parse_checkpoints, parse_stop_when

if TYPE_CHECKING:
    from anytime_client import ReasonFields
    from anytime_client._fields import MessageDict

BaseUrl = Annotated[
    str | None, typer.Option(envvar="ANYTIME_BASE_URL", help="of the server; default: http://localhost:8000")
]
ApiKey = Annotated[str | None, typer.Option(envvar="ANYTIME_API_KEY", help="for a server that wants one")]
CHECKPOINTS = f"where to give interim answers: {CHECKPOINT_FORMS}"
STOP_WHEN = f"when to stop early: {STOP_WHEN_FORMS}"


def ask(
    question: Annotated[str | None, typer.Argument(help="the question; - or a pipe: the standard input")] = None,
    budget: Annotated[
        int | None, typer.Option("--budget", "-b", min=0, help="the most thinking tokens; default: the server's")
    ] = None,
    within: Annotated[
        float | None, typer.Option(min=0.1, metavar="SECONDS", help="give the best short answer by then")
    ] = None,
    checkpoints: Annotated[str | None, typer.Option(metavar="RULE", help=CHECKPOINTS)] = None,
    stop_when: Annotated[str | None, typer.Option(metavar="RULE", help=STOP_WHEN)] = None,
    trunks: Annotated[
        int | None, typer.Option(min=1, max=64, help="this many thoughts, which share the budget and vote")
    ] = None,
    prune: Annotated[bool, typer.Option("--prune", help="give up trunks that stand against the others")] = False,
    first: Annotated[
        int | None, typer.Option(min=1, help="take the vote of this many trunks, the first to be done")
    ] = None,
    samples: Annotated[int | None, typer.Option(min=1, max=64, help="answers at each checkpoint; they vote")] = None,
    short: Annotated[bool, typer.Option("--short", help="just the short answer, without a derivation")] = False,
    system: Annotated[str | None, typer.Option(metavar="TEXT", help="a system message")] = None,
    temperature: Annotated[float | None, typer.Option(min=0, max=2, help="0 is greedy; default: the model's")] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="of the sampling")] = None,
    max_answer_tokens: Annotated[int | None, typer.Option(min=1, help="default: the server's")] = None,
    model: Annotated[str | None, typer.Option(help="the served model's name, to be sure of it")] = None,
    as_json: Annotated[bool, typer.Option("--json", help="print the document of the session as JSON")] = False,
    events: Annotated[bool, typer.Option("--events", help="print every event as a line of JSON")] = False,
    thinking: Annotated[bool, typer.Option(help="show the thinking (on a terminal, or with -v)")] = True,
    verbose: Annotated[bool, typer.Option("--verbose", "-v", help="report the progress on the standard error")] = False,
    base_url: BaseUrl = None,
    api_key: ApiKey = None,
    timeout: Annotated[
        float | None, typer.Option(min=45, metavar="SECONDS", help="how long it may be silent; default: 45")
    ] = None,
) -> None:
    """Ask a question and watch the answer get better while the model thinks.

    Ctrl-C asks for the answer now; a second Ctrl-C cancels. In a pipe nothing but the answer is printed.

    Exit codes: 0 answered; 1 not (no connection, refused, failed); 2 wrong use; 130 cancelled by Ctrl-C.
    """
    if as_json and events:
        raise typer.BadParameter("give either --json or --events", param_hint="--events")
    text = read_question(question)
    given = {
        "messages": _conversation(text, system),
        "model": model,
        "budget": budget,
        "checkpoints": parse_checkpoints(checkpoints) if checkpoints else None,
        "interim": {"samples": samples} if samples else None,
        "stop_when": (parse_stop_when(stop_when) or NONE) if stop_when else None,
        "trunks": trunks,
        "prune": prune or None,
        "first": first,
        "answer": "short" if short else None,
        "temperature": temperature,
        "seed": seed,
        "max_answer_tokens": max_answer_tokens,
    }
    fields = cast("ReasonFields", {name: value for name, value in given.items() if value is not None})
    from anytime_client.cli.asking import Asking, ask_server
    from anytime_client.cli.outcome import exit_code, remark
    from anytime_client.cli.views import choose_view

    view = choose_view(as_json=as_json, events=events, verbose=verbose, thinking=thinking, within_s=within)
    with errors_in_one_line("ask"):
        outcome = ask_server(Asking(fields, within, base_url, api_key, timeout), view)
    view.finish(outcome)
    if line := remark(outcome):
        complain("ask", line)
    raise typer.Exit(exit_code(outcome))


def _conversation(question: str, system: str | None) -> "list[MessageDict]":
    messages: list[MessageDict] = [{"role": "user", "content": question}]
    return [{"role": "system", "content": checked_text(system, "--system")}, *messages] if system else messages
