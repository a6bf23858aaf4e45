"""The serving benchmark: what budgets, checkpoints, sessions and HTTP cost on top of an engine, and what they save.

    python benchmarks/serving.py --engine both --out benchmarks/results/serving-cpu.json
    python benchmarks/serving.py --engine transformers --quick

Prints a table and, as its last line, everything as one line of JSON. benchmarks/README.md says what each part measures.
"""

import argparse
import asyncio
import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import Any

from harness.environment import environment, has_gpu
from harness.measure import BenchmarkError
from harness.random_model import save_qwen3_600m, save_random_model
from harness.report import Row, json_line, publish, table
from serving_parts.sizes import FULL, GPU, QUICK, Sizes

ENGINES = {"transformers": ("transformers",), "vllm": ("vllm",), "both": ("transformers", "vllm")}
PARTS = ("startup", "memory", "throughput", "checkpoints", "streams", "remote", "beside-vllm")
IN_PROCESS = {"throughput", "checkpoints", "streams", "remote"}
"""Parts that share one engine in this process; the others only spawn servers."""
QUIET_LOAD = 0.5
VARIABLES = {
    "VLLM_LOGGING_LEVEL": "ERROR",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "HF_HUB_DISABLE_PROGRESS_BARS": "1",
    "TRANSFORMERS_VERBOSITY": "error",
}
"""Set unless the caller has set them; the start-up part's servers inherit them."""


def main() -> None:
    """Measure, print, write."""
    arguments = parse(sys.argv[1:])
    for name, value in VARIABLES.items():
        os.environ.setdefault(name, value)
    where = environment("benchmarks/serving.py", sys.argv[1:])
    sizes = QUICK if arguments.quick else GPU if has_gpu() else FULL
    start = time.perf_counter()
    rows: list[Row] = []
    try:
        with tested_model(arguments) as tested:
            for engine in ENGINES[arguments.engine]:
                rows += measure(engine, tested, arguments, sizes)
    except BenchmarkError as error:
        sys.exit(f"benchmarks/serving.py: {error}")
    settings = {**asdict(sizes), "model": arguments.model, "random_model": arguments.random_model}
    settings["qwen3_600m"] = arguments.qwen3_600m
    settings["seconds"] = round(time.perf_counter() - start, 1)
    notes = notes_on(arguments, where.load_1m)
    line = json_line("serving", where, settings, rows, notes)
    publish("\n".join([table(rows), *(f"note: {note}" for note in notes)]), line, arguments.out)


def measure(engine: str, tested: str, arguments: argparse.Namespace, sizes: Sizes) -> list[Row]:
    """Return the rows of all parts on one engine; `tested` is the model of all parts but the start-up."""
    from serving_parts import beside_vllm, memory, startup

    options = parse_options(arguments.engine_arg)
    rows: list[Row] = []
    if "startup" in arguments.parts:
        progress(f"{engine}: start-up")
        model, name = startup_model(arguments, tested)
        rows += startup.measure(engine, model, name, options, sizes)
    if "memory" in arguments.parts:
        progress(f"{engine}: memory")
        rows += memory.measure(engine, startup_model(arguments, tested)[0], options, sizes)
    if "beside-vllm" in arguments.parts and engine == "vllm":
        progress(f"{engine}: beside vLLM's own server")
        rows += beside_vllm.measure(tested, options, sizes)
    if IN_PROCESS & set(arguments.parts):
        rows += run_on_server_loop(measure_running(engine, tested, options, arguments.parts, sizes))
    return rows


async def measure_running(
    engine: str, model: str, options: dict[str, Any], parts: list[str], sizes: Sizes
) -> list[Row]:
    """Start the engine once and return the rows of the parts that run on it."""
    from serving_parts import checkpoints, remote, streams, subject, throughput

    measures = {
        "throughput": throughput.measure,
        "checkpoints": checkpoints.measure,
        "streams": streams.measure,
        "remote": partial(remote.measure, engine, model, options),
    }
    rows: list[Row] = []
    progress(f"{engine}: starting")
    async with subject.serve(engine, model, options) as served:
        for part in PARTS:
            if part in parts and part in measures:
                progress(f"{engine}: {part}")
                rows += await measures[part](served, sizes)
    return rows


def run_on_server_loop(work: Any) -> list[Row]:
    """Run on the kind of event loop that `anytime serve` runs on."""
    import uvicorn

    factory = uvicorn.Config("unused").get_loop_factory()
    with asyncio.Runner(loop_factory=factory) as runner:
        rows: list[Row] = runner.run(work)
        return rows


@contextmanager
def tested_model(arguments: argparse.Namespace) -> Iterator[str]:
    """Give the model of all parts but the start-up: the random one, kept for the run, unless told otherwise."""
    if not arguments.random_model:
        yield arguments.model
        return
    with tempfile.TemporaryDirectory(prefix="anytime-benchmark-") as folder:
        save, name = (save_qwen3_600m, "random-600m") if arguments.qwen3_600m else (save_random_model, "random-3m")
        yield str(save(Path(folder) / name))


def startup_model(arguments: argparse.Namespace, tested: str) -> tuple[str, str]:
    """Return what the start-up part serves, and its name: `--model`; the random one where nothing is embedded."""
    from anytime_server.engines.choice import EMBEDDED, EMBEDDED_PATH

    if arguments.model == EMBEDDED and not EMBEDDED_PATH.is_dir():
        return tested, "a random model (none is embedded)"
    return arguments.model, Path(arguments.model).name


def notes_on(arguments: argparse.Namespace, load_1m: float) -> list[str]:
    """Return what a reader must know about this run."""
    notes: list[str] = []
    if arguments.quick:
        notes.append("--quick: too short to judge a bar by; it only shows that everything runs")
    if load_1m > QUIET_LOAD:
        notes.append(f"the machine was not quiet: load average {load_1m} before the start")
    return notes


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=ENGINES, default="both")
    parser.add_argument("--model", default="anytime-tiny", help="Hub id, path or anytime-tiny: what start-up serves")
    parser.add_argument(
        "--random-model",
        action=argparse.BooleanOptionalAction,
        default=True,
        help="measure all other parts on a random model that only budgets stop, rather than on --model",
    )
    parser.add_argument(
        "--qwen3-600m", action="store_true", help="the random model has the shape of Qwen3-0.6B: for a GPU"
    )
    parser.add_argument("--parts", nargs="+", choices=PARTS, default=list(PARTS), help="default: all")
    parser.add_argument("--engine-arg", action="append", default=[], metavar="KEY=VALUE", help="as in anytime serve")
    parser.add_argument("--quick", action="store_true", help="a minute per engine, to see that it works")
    parser.add_argument("--out", type=Path, help="write the JSON line here and the table beside it as .txt")
    arguments = parser.parse_args(argv)
    if arguments.engine_arg and arguments.engine == "both":
        parser.error("--engine-arg is the engine's own: name one engine")
    return arguments


def parse_options(pairs: list[str]) -> dict[str, Any]:
    """Read KEY=VALUE pairs as `anytime serve` does."""
    from anytime_server.serving import parse_options as read

    return read(pairs)


def progress(text: str) -> None:
    """Tell where the benchmark is; standard output is for results."""
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
