"""Checkpoints that were written to the end.

The Trainer writes a checkpoint file by file under its final name, each process its own part, so that a killed run may
leave half of one. When all processes are done with a checkpoint, a manifest of its files is added; a checkpoint is
complete if every file is there with the size that the manifest says. This holds for killed processes; it does not for
a machine that loses power with unwritten pages.
"""

import json
import shutil
from pathlib import Path

MANIFEST = "complete.json"
PREFIX = "checkpoint-"


def seal(checkpoint: Path) -> None:
    """Say that all files of a checkpoint are written."""
    sizes = {str(path.relative_to(checkpoint)): path.stat().st_size for path in _files(checkpoint)}
    draft = checkpoint / f"{MANIFEST}.part"
    draft.write_text(json.dumps(sizes, indent=1), encoding="utf-8")
    draft.replace(checkpoint / MANIFEST)


def is_complete(checkpoint: Path) -> bool:
    """Whether every file of a sealed checkpoint is there in full."""
    if not (checkpoint / MANIFEST).is_file():
        return False
    sizes = json.loads((checkpoint / MANIFEST).read_text(encoding="utf-8"))
    files = {name: checkpoint / name for name in sizes}
    return all(path.is_file() and path.stat().st_size == sizes[name] for name, path in files.items())


def all_in(folder: Path) -> list[Path]:
    """The checkpoints of a folder, complete or not, by step."""
    found = [path for path in folder.glob(f"{PREFIX}*") if path.is_dir() and path.name[len(PREFIX) :].isdecimal()]
    return sorted(found, key=step_of)


def last_complete(folder: Path) -> Path | None:
    """The newest complete checkpoint of a folder."""
    return next((path for path in reversed(all_in(folder)) if is_complete(path)), None)


def processes_of(checkpoint: Path) -> int:
    """How many processes a checkpoint can be resumed by: as many as wrote it, none if it holds weights alone."""
    return len(list(checkpoint.glob("rng_state*.pth")))


def discard_incomplete(folder: Path) -> list[Path]:
    """Delete the checkpoints of a folder that can't be resumed from, which would else be written over in part."""
    incomplete = [path for path in all_in(folder) if not is_complete(path)]
    for path in incomplete:
        shutil.rmtree(path)
    return incomplete


def step_of(checkpoint: Path) -> int:
    """The step that a checkpoint was saved after."""
    return int(checkpoint.name.removeprefix(PREFIX))


def _files(checkpoint: Path) -> list[Path]:
    return sorted(path for path in checkpoint.rglob("*") if path.is_file() and path.name != MANIFEST)
