"""All checks in their order: each one may rest on those before it."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from anytime_server.doctor.accelerator import check_gpu
from anytime_server.doctor.findings import Finding, worst
from anytime_server.doctor.load import check_load
from anytime_server.doctor.machine import check_machine, check_python
from anytime_server.doctor.model import check_engine, check_model
from anytime_server.doctor.network import check_access, check_port, check_server
from anytime_server.doctor.packages import check_packages
from anytime_server.doctor.remote import check_servers

LOADING_NEEDS = ("serving", "gpu", "engine", "model", "remote")
"""Checks without which a load need not be tried."""


@dataclass(frozen=True, slots=True)
class Subject:
    """What is examined: a server as `anytime serve` would start it, and one that may be running.

    Attributes:
        model: a Hub id, a path, or the embedded model.
        engine: a name, or `auto`.
        options: the engine's own.
        thinking_format: a family, or `auto`.
        host: to listen on.
        port: to listen on.
        allow_unauthenticated: whether everybody who reaches it is to be let in without a key.
        base_url: of the server that may be running.
        server_expected: whether somebody said that it is.
        api_key: for that server.
        load: whether to load the model.
        urls: the servers of a remote engine.
        engine_key: for these servers.
    """

    model: str
    engine: str
    options: Mapping[str, Any]
    thinking_format: str
    host: str
    port: int
    allow_unauthenticated: bool
    base_url: str
    server_expected: bool
    api_key: str | None
    load: bool
    urls: Sequence[str] = ()
    engine_key: str | None = field(default=None, repr=False)


def run_checks(subject: Subject) -> Iterator[Finding]:
    """Yield each finding as soon as it is there."""
    failed: set[str] = set()
    for finding in _light_checks(subject):
        yield finding
        if finding.status == "fail":
            failed.add(finding.check)
    if not subject.load:
        return
    if failed & set(LOADING_NEEDS):
        yield Finding("load", "fail", "not tried, since the above failed")
    else:
        yield check_load(
            subject.engine,
            subject.model,
            subject.options,
            subject.thinking_format,
            urls=subject.urls,
            engine_key=subject.engine_key,
        )


def _light_checks(subject: Subject) -> Iterator[Finding]:
    yield check_python()
    yield check_machine()
    packages = check_packages()
    yield from packages
    gpu = check_gpu()
    yield gpu
    if gpu.status != "fail":
        yield check_engine(subject.engine, subject.model)
    remote = subject.engine == "remote"
    yield check_model(subject.model, subject.thinking_format, weights=not remote)
    if remote and worst(packages) != "fail":
        yield from check_servers(subject.urls, subject.model, subject.engine_key)
    if worst(packages) != "fail":
        yield check_access(subject.host, subject.port, allow_unauthenticated=subject.allow_unauthenticated)
    yield check_port(subject.host, subject.port)
    yield check_server(subject.base_url, subject.api_key, expected=subject.server_expected)
