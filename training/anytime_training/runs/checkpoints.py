"""Checkpoints that were written to the end.

The Trainer writes a checkpoint file by file under its final name, each process its own part, so that a killed run may
leave half of one. When all processes are done with a checkpoint, a manifest of its files is added; a checkpoint is
complete if every file is there with the size that the manifest says. This holds for killed processes; it does not for
a machine that loses power with unwritten pages.
"""

import json
import shutil
from pathlib import Path

from anytime_training.errors import OutputError

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


def to_resume(folder: Path, max_steps: int, processes: int, to_go_on: str = "raise the steps") -> Path | None:
    """The newest complete checkpoint of a folder, if a run of so many processes can go on from it.

    `to_go_on` is what helps a run that is at its end.

    Raises:
        OutputError: if the run would not go on as it would have, or is at its end.
    """
    checkpoint = last_complete(folder)
    if checkpoint is None:
        return None
    wrote = len(list(checkpoint.glob("rng_state*.pth")))  # one of each process, if it holds more than weights
    if wrote != processes:
        kept = f"was written by {wrote} processes" if wrote else "holds weights alone (trainer.save_only_model)"
        raise OutputError(
            f"{checkpoint} {kept}, and {processes} can't go on from it as the run would have; "
            + (f"resume with {wrote}" if wrote else "take it as --model of a new run")
        )
    if 0 < max_steps <= step_of(checkpoint):
        raise OutputError(
            f"the run is at its last step, {max_steps}; its model is in {checkpoint}; {to_go_on} to go on"
        )
    return checkpoint


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
