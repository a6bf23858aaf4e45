"""The served app, made of the options of `anytime serve`, whoever runs it. Nothing heavy is imported until then."""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from anytime_server.dependent_options import check_dependent
from anytime_server.load_options import accuracy_curve, client_weights, fair_arguments, gated, load_policy
from anytime_server.option_pairs import parse_options
from anytime_server.request_defaults import request_defaults

if TYPE_CHECKING:
    from fastapi import FastAPI

    from anytime_server.api import ServerSettings
    from anytime_server.engines import Engine
    from anytime_server.reasoning import ReasonSettings


@dataclass(frozen=True, slots=True, kw_only=True)
class ServeOptions:
    """What `anytime serve` was told, option by option; `anytime serve --help` says what each means.

    The defaults are the command's: it is the only place that knows them.
    """

    model: str
    served_model_name: Sequence[str] | None
    engine: str
    engine_arg: Sequence[str] | None
    engine_url: Sequence[str] | None
    stall_s: float
    thinking_format: str
    host: str
    port: int
    open_page: bool
    allow_unauthenticated: bool
    allowed_host: Sequence[str] | None
    cors_origin: Sequence[str] | None
    default_budget: int
    max_budget: int | None
    max_answer_tokens: int
    max_prompt_tokens: int | None
    landing: int
    trust_special_tokens: bool
    checkpoints: str | None
    stop_when: str | None
    deadline_ms: int | None
    interim: Sequence[str] | None
    calibration: Path | None
    max_sessions: int
    engine_slots: int | None
    load_aware: bool
    load_floor: float | None
    target_tokens_per_second: float | None
    curve: str | None
    fair_share: bool
    key_weights: str | None
    ttl: float
    store: str
    lease_s: float | None
    max_body_bytes: int
    drain: float
    send_timeout: float
    request_timeout: float
    effort: Sequence[str] | None
    tool_call_parser: str
    log_level: str
    log_format: str
    log_prompts: bool

    def __post_init__(self) -> None:
        """Check that no option does nothing.

        Raises:
            ValueError: naming the option, and the one that it needs.
        """
        check_dependent(self)


def server_settings(options: ServeOptions) -> "ServerSettings":
    """Return what the operator decides about the HTTP surface; API keys come from the environment.

    Raises:
        AnytimeError, ValueError: naming the option.
    """
    from anytime_server.api import ServerSettings
    from anytime_server.api.keys import keys_from
    from anytime_server.api.openai.effort import EffortMap

    return ServerSettings(
        host=options.host,
        port=options.port,
        api_keys=keys_from(os.environ),
        allow_unauthenticated=options.allow_unauthenticated,
        allowed_hosts=flatten(options.allowed_host),
        cors_origins=flatten(options.cors_origin),
        max_body_bytes=options.max_body_bytes,
        drain_s=options.drain,
        send_timeout_s=options.send_timeout,
        request_timeout_s=options.request_timeout,
        effort=EffortMap.of(parse_options(options.effort or [], "--effort")),
        tool_call_parser=options.tool_call_parser,
        log_prompts=options.log_prompts,
    )


def reason_settings(options: ServeOptions) -> "ReasonSettings":
    """Return what the operator decides about sessions.

    Raises:
        ValueError: naming the option.
    """
    from anytime_server.calibration_file import read_calibration
    from anytime_server.reasoning import ReasonSettings
    from anytime_server.reasoning.plans.calibrated import check_default_rates

    interim = parse_options(options.interim or [], "--interim")
    defaults = request_defaults(options.checkpoints, options.stop_when, options.deadline_ms, interim)
    calibration = None if options.calibration is None else read_calibration(options.calibration)
    check_default_rates(defaults.stop_when, calibration)
    return ReasonSettings(
        default_budget=options.default_budget,
        max_budget=options.max_budget,
        max_answer_tokens=options.max_answer_tokens,
        max_prompt_tokens=options.max_prompt_tokens,
        landing=options.landing,
        trust_special_tokens=options.trust_special_tokens,
        max_sessions=options.max_sessions,
        ttl_s=options.ttl,
        aliases=served_names(options)[1:],
        defaults=defaults,
        calibration=calibration,
        load=load_policy(options.load_aware, options.load_floor, options.target_tokens_per_second),
        curve=accuracy_curve(options.curve),
        weights=client_weights(options.fair_share, options.key_weights),
    )


def engine_of(options: ServeOptions) -> "Engine":
    """Return the engine that serves the model, watched, behind a gate if there is to be one, and not started.

    Raises:
        AnytimeError, ValueError: naming the option.
    """
    from anytime_server.engines import Supervised
    from anytime_server.engines.choice import choose, create_engine
    from anytime_server.engines.remote.config import key_from

    arguments = parse_options(options.engine_arg or [])
    if options.fair_share:
        arguments = fair_arguments(choose(options.engine, options.model).engine, arguments)
    engine = create_engine(
        options.engine,
        options.model,
        arguments,
        sentence_ends=options.landing > 0,
        served_name=next(iter(served_names(options)), None),
        urls=flatten(options.engine_url),
        api_key=key_from(os.environ),
        stall_s=options.stall_s,
    )
    watched = engine if engine.recovery == "itself" else Supervised(engine, options.stall_s)
    if not (options.fair_share or options.load_aware or options.engine_slots):
        return watched
    return gated(watched, options.engine_slots, client_weights(options.fair_share, options.key_weights))


def app_from(options: ServeOptions, server: "ServerSettings") -> "FastAPI":
    """Return the app that these options describe; it starts and stops the engine.

    Raises:
        AnytimeError, ValueError: naming the option.
    """
    from anytime_server.api import create_app
    from anytime_server.api.otel import tracing_from_environment
    from anytime_server.reasoning.stores.choice import create_store

    settings = reason_settings(options)
    return create_app(
        engine_of(options),
        settings,
        server,
        thinking_format=options.thinking_format,
        tracing=tracing_from_environment(),
        store=create_store(options.store, options.ttl, options.lease_s),
    )


def served_names(options: ServeOptions) -> tuple[str, ...]:
    """Return the names that the model is served under, the first of which is shown; none if that is not said."""
    return flatten(options.served_model_name, also=" ")


def flatten(values: Sequence[str] | None, also: str = ",") -> tuple[str, ...]:
    """Return the values of an option that can be repeated, each once.

    Each may hold several, with commas between them, or what is `also` taken.
    """
    parts = [part.strip() for value in values or () for part in value.replace(also, ",").split(",")]
    return tuple(dict.fromkeys(part for part in parts if part))
