"""The text of a local file: UTF-8, or UTF-16 or UTF-32 with a byte order mark, packed with gzip or not."""

import codecs
import gzip
import zlib
from pathlib import Path

from anytime_training.errors import DataError

_MARKS = (
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF32_LE, "utf-32"),
    (codecs.BOM_UTF32_BE, "utf-32"),
    (codecs.BOM_UTF16_LE, "utf-16"),
    (codecs.BOM_UTF16_BE, "utf-16"),
)
"""That of UTF-32 begins with that of UTF-16."""


def read_text(file: Path) -> str:
    """Read a whole file.

    Raises:
        DataError: if it can't be read or unpacked; or if it is in an encoding that can't be told, naming the line.
    """
    try:
        raw = file.read_bytes()
        if file.suffix.lower() == ".gz":
            raw = gzip.decompress(raw)
    except (OSError, EOFError, zlib.error) as error:
        raise DataError(f"{file} can't be loaded: {error}") from error
    encoding = next((name for mark, name in _MARKS if raw.startswith(mark)), "utf-8")
    try:
        text = raw.decode(encoding)
    except UnicodeDecodeError as error:
        raise _unreadable(file, raw, error.start, encoding) from error
    if (zero := text.find("\0")) >= 0:
        raise _unreadable(file, raw, len(text[:zero].encode(encoding)), encoding)
    return text


def _unreadable(file: Path, raw: bytes, position: int, encoding: str) -> DataError:
    line = raw.count(b"\n", 0, position) + 1
    return DataError(
        f"{file} line {line} can't be loaded: the byte 0x{raw[position]:02x} is no {encoding.upper()}; save the file "
        f"as UTF-8, for example from Latin-1 with: iconv -f latin1 -t utf-8 {file.name}"
    )
