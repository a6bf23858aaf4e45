"""`anytime doctor`: what is installed here. Nothing heavy is imported until it is asked about."""

from importlib.metadata import PackageNotFoundError, version

import typer

PACKAGES = ("torch", "transformers", "vllm", "fastapi", "trl")


def doctor() -> None:
    """Say what is installed."""
    for package in PACKAGES:
        typer.echo(f"{package:<14}{_version(package) or 'not installed'}")


def _version(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
