"""`anytime serve`. Nothing heavy is imported until the server starts."""

import logging
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from anytime_client.cli.rules import CHECKPOINT_FORMS, STOP_WHEN_FORMS
from anytime_client.cli.variables import named_as_given
from anytime_server.logs import LogFormat, configure, fields
from anytime_server.noise import quieten
from anytime_server.options import (
    AllowUnauthenticated,
    EngineArgs,
    EngineName,
    EngineUrls,
    Format,
    Host,
    Model,
    Port,
    option,
)
from anytime_server.serving import ServeOptions, app_from, server_settings

logger = logging.getLogger(__name__)


class LogLevel(StrEnum):
    """uvicorn's levels."""

    critical = "critical"
    error = "error"
    warning = "warning"
    info = "info"
    debug = "debug"


ALLOWED_HOST = "without API keys, a name besides localhost that clients may call the server by; can be repeated"
OPEN = "open the page in a browser once the model is loaded"
CORS_ORIGIN = "origin whose web pages may use the API, e.g. https://example.com; can be repeated; default: none"
MAX_PROMPT_TOKENS = "longer prompts are refused; default: what fits"
MAX_ANSWER_TOKENS = "the most tokens of a full answer, if a request doesn't say"
EFFORT = "thinking tokens of an OpenAI reasoning_effort, e.g. --effort low=512; can be repeated"
LANDING = "cut where a sentence ends, if one does within so many tokens of the budget"
TRUST = "read control tokens that messages spell as such, and not as text; a request can say otherwise"
SERVED_MODEL_NAME = (
    "name to serve the model under; can be repeated: all are accepted, the first is shown; default: the Hub id, or a "
    "folder's own name"
)
CHECKPOINTS = f"where a request gets interim answers, if it doesn't say: {CHECKPOINT_FORMS}"
STOP_WHEN = f"when a request stops thinking, if it doesn't say: {STOP_WHEN_FORMS}"
CALIBRATION = "a file from anytime calibrate, by which risk and give_up in stop_when go"
INTERIM = "how interim answers are drawn, e.g. --interim samples=5 (max_tokens, samples, temperature); can be repeated"
TOOL_CALLS = "the form of the model's tool calls, such as hermes; auto is what its chat template asks for"
ENGINE_SLOTS = (
    "thinking that runs at once, the rest waits for its turn; default: the engine's own, on transformers 16 with "
    "--load-aware or --fair-share, else all"
)
LOAD_AWARE = "grant smaller budgets while requests wait, and refuse requests whose deadline can't be kept"
LOAD_FLOOR = "with --load-aware, the share of a requested budget that is always granted; default: 0.25"
TARGET = "with --load-aware, lower budgets also while the median session thinks slower than this"
CURVE = "with --load-aware, spend tokens where they buy most accuracy, by this summary.json of anytime eval"
FAIR_SHARE = "keep the sessions of one API key from starving those of another"
KEY_WEIGHTS = "with --fair-share, shares of the API keys, in their order; default: 1 each"
STORE = "where sessions are kept: memory, or the URL of a Redis that servers share, such as redis://localhost:6379/0"
LEASE_S = "with a Redis, how long a server may be silent before others take its sessions; the same at all; default: 2"
SEND_TIMEOUT = "seconds after which a client that takes no byte of its response is cut off"
REQUEST_TIMEOUT = "seconds for the headers of a request, and as many for its body; a second more for each KiB of it"
STALL_S = "how long a busy engine may take no step before it is started again, or a remote one is left"
LOG_LEVEL = "of the server's own log: critical, error, warning, info or debug"
LOG_FORMAT = "text: short lines for people; json: everything, an object per event"
LOG_PROMPTS = "also log questions, thinking and answers"


def serve(
    context: typer.Context,
    model: Model = "anytime-tiny",
    served_model_name: Annotated[
        list[str] | None, option("SERVED_MODEL_NAME", SERVED_MODEL_NAME, metavar="NAME")
    ] = None,
    engine: EngineName = "auto",
    engine_arg: EngineArgs = None,
    engine_url: EngineUrls = None,
    thinking_format: Format = "auto",
    host: Host = "127.0.0.1",
    port: Port = 8000,
    open_page: Annotated[bool, option("OPEN", OPEN, "--open")] = False,
    allow_unauthenticated: AllowUnauthenticated = False,
    allowed_host: Annotated[list[str] | None, option("ALLOWED_HOSTS", ALLOWED_HOST, metavar="NAME")] = None,
    cors_origin: Annotated[list[str] | None, option("CORS_ORIGINS", CORS_ORIGIN, metavar="ORIGIN")] = None,
    default_budget: Annotated[int, option("DEFAULT_BUDGET", "thinking tokens when a request names none", min=1)] = 2048,
    max_budget: Annotated[int | None, option("MAX_BUDGET", "the most granted; default: what fits", min=0)] = None,
    max_answer_tokens: Annotated[int, option("MAX_ANSWER_TOKENS", MAX_ANSWER_TOKENS, min=1)] = 1024,
    max_prompt_tokens: Annotated[int | None, option("MAX_PROMPT_TOKENS", MAX_PROMPT_TOKENS, min=1)] = None,
    landing: Annotated[int, option("LANDING", LANDING, min=0)] = 0,
    trust_special_tokens: Annotated[bool, option("TRUST_SPECIAL_TOKENS", TRUST)] = False,
    checkpoints: Annotated[str | None, option("CHECKPOINTS", CHECKPOINTS, metavar="RULE")] = None,
    stop_when: Annotated[str | None, option("STOP_WHEN", STOP_WHEN, metavar="RULE")] = None,
    deadline_ms: Annotated[
        int | None, option("DEADLINE_MS", "milliseconds to an answer, for a request that doesn't say", min=1)
    ] = None,
    interim: Annotated[list[str] | None, option("INTERIM", INTERIM, metavar="KEY=VALUE")] = None,
    calibration: Annotated[Path | None, option("CALIBRATION", CALIBRATION, metavar="FILE")] = None,
    max_sessions: Annotated[int, option("MAX_SESSIONS", "sessions in flight; more get 429", min=1)] = 256,
    engine_slots: Annotated[int | None, option("ENGINE_SLOTS", ENGINE_SLOTS, min=1)] = None,
    load_aware: Annotated[bool, option("LOAD_AWARE", LOAD_AWARE)] = False,
    load_floor: Annotated[float | None, option("LOAD_FLOOR", LOAD_FLOOR, metavar="SHARE", min=0, max=1)] = None,
    target_tokens_per_second: Annotated[float | None, option("TARGET_TOKENS_PER_SECOND", TARGET, min=0.1)] = None,
    curve: Annotated[str | None, option("CURVE", CURVE, metavar="FILE")] = None,
    fair_share: Annotated[bool, option("FAIR_SHARE", FAIR_SHARE)] = False,
    key_weights: Annotated[str | None, option("KEY_WEIGHTS", KEY_WEIGHTS, metavar="3,1,1")] = None,
    ttl: Annotated[float, option("TTL", "seconds an ended session can be read", min=0)] = 3600,
    store: Annotated[str, option("STORE", STORE, metavar="URL")] = "memory",
    lease_s: Annotated[float | None, option("LEASE_S", LEASE_S, metavar="SECONDS", min=1)] = None,
    max_body_bytes: Annotated[int, option("MAX_BODY_BYTES", "larger bodies get 413", min=1024)] = 4 * 2**20,
    drain: Annotated[float, option("DRAIN", "seconds sessions get to end on SIGTERM", min=0)] = 30,
    stall_s: Annotated[float, option("STALL_S", STALL_S, metavar="SECONDS", min=1)] = 120,
    send_timeout: Annotated[float, option("SEND_TIMEOUT", SEND_TIMEOUT, min=1)] = 60,
    request_timeout: Annotated[float, option("REQUEST_TIMEOUT", REQUEST_TIMEOUT, min=1)] = 60,
    effort: Annotated[list[str] | None, option("EFFORT", EFFORT, metavar="NAME=TOKENS")] = None,
    tool_call_parser: Annotated[str, option("TOOL_CALL_PARSER", TOOL_CALLS, metavar="NAME")] = "auto",
    log_level: Annotated[LogLevel, option("LOG_LEVEL", LOG_LEVEL, metavar="LEVEL")] = LogLevel.info,
    log_format: Annotated[LogFormat, option("LOG_FORMAT", LOG_FORMAT, metavar="FORMAT")] = LogFormat.text,
    log_prompts: Annotated[bool, option("LOG_PROMPTS", LOG_PROMPTS)] = False,
) -> None:
    """Serve a reasoning model: POST /reason, and /docs for the rest.

    API keys are set by ANYTIME_API_KEYS (several, separated by commas) or a file that ANYTIME_API_KEYS_FILE names
    (one a line), and sent as Authorization: Bearer KEY. Without keys the server listens on loopback addresses only.
    The key for the servers of --engine-url is ANYTIME_ENGINE_API_KEY, or stands in ANYTIME_ENGINE_API_KEY_FILE.

    Every option is an environment variable too: --max-sessions 8 is ANYTIME_MAX_SESSIONS=8. If an option can be
    repeated, put spaces between its values.
    """
    from anytime_server.engines.hub import UNREACHABLE, look_up
    from anytime_server.errors import AnytimeError
    from anytime_server.listening import check_free

    try:
        options = ServeOptions(**context.params)
        check_free(host, port)
        offline = look_up(model)
        server = server_settings(options)
        configure(log_format, log_level.value)
        quieten(log_format, log_level.value)
        if offline:
            logger.warning(f"{UNREACHABLE}: the copy of the model on this machine is used", extra=fields(model=model))
        from anytime_server.banner import Banner
        from anytime_server.run import run

        started = run(app_from(options, server), server, Banner(open_page))
    except (AnytimeError, ValueError) as error:
        typer.echo(f"anytime serve: {named_as_given(str(error), context)}", err=True)
        raise typer.Exit(2) from error
    if not started:
        raise typer.Exit(1)
