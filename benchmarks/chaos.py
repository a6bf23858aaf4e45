"""Chaos: engines, servers, Redis and connections die under many sessions, and nobody's tokens change.

    python benchmarks/chaos.py --out benchmarks/results/chaos-cpu.json
    python benchmarks/chaos.py --quick
    python benchmarks/chaos.py --scenario chaos.json    # the very one that an earlier run wrote
    python benchmarks/chaos.py --engine vllm            # kill -9 of vLLM's EngineCore, again and again

Runs a scenario, then its undisturbed twin, and compares the two. Prints a table and, as its last line, everything as
one line of JSON. Ends with 1 if anything was not as it must be. benchmarks/README.md says what is compared.
"""

import argparse
import asyncio
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

from chaos_parts.compare import findings
from chaos_parts.generate import Sizes, generate
from chaos_parts.report import rows
from chaos_parts.run import Run, run
from chaos_parts.scenario import FleetPlan, Scenario
from chaos_parts.twin import twin_of
from harness.environment import environment
from harness.report import json_line, publish, table

FULL = Sizes(sessions=64, budget=560, engine_kills=5, server_kills=2, drains=1, redis_kills=1, stops=1)
QUICK = Sizes(sessions=14, budget=400, engine_kills=1, server_kills=1, redis_kills=1, stops=1)
VLLM = Sizes(sessions=16, budget=320, engine_kills=2)
SHARED = FleetPlan(servers=3, workers=3, redis=True)
PAIRS = FleetPlan(servers=2, workers=2, redis=True)
ALONE = FleetPlan(engine="vllm")
LIMIT_S = 1800.0


def main() -> None:
    """Run, compare, print, write."""
    arguments = parse(sys.argv[1:])
    where = environment("benchmarks/chaos.py", sys.argv[1:])
    scenario = chosen(arguments)
    folder = Path(tempfile.mkdtemp(prefix="anytime-chaos-"))
    (folder / "scenario.json").write_text(scenario.to_json())
    progress(f"scenario and logs are in {folder}")
    disturbed, twin = asyncio.run(both(scenario, folder))
    found = findings(scenario, disturbed, twin)
    measured = rows(scenario, disturbed, twin, found)
    settings = {"seed": scenario.seed, "fleet": asdict(scenario.fleet), "faults": [asdict(f) for f in scenario.faults]}
    line = json_line("chaos", where, {**settings, "proofs": [asdict(p) for p in disturbed.proofs]}, measured, found)
    publish("\n".join([table(measured), *(f"wrong: {text}" for text in found)]), line, arguments.out)
    sys.exit(1 if found else 0)


async def both(scenario: Scenario, folder: Path) -> tuple[Run, Run]:
    """Run the scenario and its twin."""
    for name in ("disturbed", "twin"):
        (folder / name).mkdir()
    disturbed = await run(scenario, folder / "disturbed", LIMIT_S, progress)
    return disturbed, await run(twin_of(scenario, disturbed.transcripts), folder / "twin", LIMIT_S, progress)


def chosen(arguments: argparse.Namespace) -> Scenario:
    """Return the scenario to run."""
    if arguments.scenario:
        return Scenario.from_json(arguments.scenario.read_text())
    if arguments.engine == "vllm":
        return generate(arguments.seed, ALONE, VLLM)
    if arguments.quick:
        return generate(arguments.seed, PAIRS, QUICK)
    return generate(arguments.seed, SHARED, FULL)


def parse(argv: list[str]) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--engine", choices=("transformers", "vllm"), default="transformers")
    parser.add_argument("--seed", type=int, default=1, help="of the scenario")
    parser.add_argument("--scenario", type=Path, help="a scenario file instead of a seed")
    parser.add_argument("--quick", action="store_true", help="14 sessions and a fault of each kind: does it work?")
    parser.add_argument("--out", type=Path, help="write the JSON line here and the table beside it as .txt")
    return parser.parse_args(argv)


def progress(text: str) -> None:
    """Tell where the run is; standard output is for results."""
    print(f"... {text}", file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
