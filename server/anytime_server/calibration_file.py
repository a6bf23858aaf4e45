"""The file of `anytime calibrate`, read for a server and written by the command."""

import json
from pathlib import Path

from anytime_server.controller import Calibration, CalibrationError


def read_calibration(path: Path) -> Calibration:
    """Read a calibration.

    Raises:
        CalibrationError: if there is no such file, or it is no calibration.
    """
    try:
        return Calibration.from_json(json.loads(path.read_text(encoding="utf-8")))
    except OSError as error:
        raise CalibrationError(f"--calibration {path} can't be read: {error.strerror}") from None
    except ValueError as error:  # CalibrationError, and what is no JSON
        raise CalibrationError(f"--calibration {path}: {error}") from None


def write_calibration(calibration: Calibration, path: Path) -> None:
    """Write a calibration.

    Raises:
        OSError: if that can't be.
    """
    path.write_text(json.dumps(calibration.as_json()) + "\n", encoding="utf-8")
