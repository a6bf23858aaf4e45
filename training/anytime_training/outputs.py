"""The folder that a command writes to, made before anything is computed."""

from pathlib import Path

from anytime_training.errors import OutputError


def make_folder(out: Path) -> None:
    """Make the folder of `--out`, unless it is there, and try to write in it.

    Raises:
        OutputError: if that can't be.
    """
    try:
        out.mkdir(parents=True, exist_ok=True)
        probe = out / ".write-probe"
        probe.touch()
        probe.unlink(missing_ok=True)  # another process of the run may have been faster
    except OSError as error:
        raise OutputError(f"--out {out} can't be written: {error.strerror}; give another folder") from None
