"""The bytes behind the tokens of a Hugging Face tokenizer."""

import json
import re
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

BYTE_TOKEN = re.compile(r"<0x([0-9A-Fa-f]{2})>")
SPACE = "\N{LOWER ONE EIGHTH BLOCK}"
"""What SentencePiece writes for a space."""


def vocabulary_of(tokenizer: "PreTrainedTokenizerBase") -> tuple[bytes, ...]:
    """Return the UTF-8 bytes that each token id of `tokenizer` adds to a text, in the order of the ids.

    Byte-level vocabularies (GPT-2's way) and those of SentencePiece with bytes are known exactly. A token of another
    kind is what it decodes to by itself. Ids without a token are empty.
    """
    spell = _spelling(tokenizer)
    added = {id: token.content for id, token in tokenizer.added_tokens_decoder.items()}
    known: dict[int, bytes] = {}
    for token, id in tokenizer.get_vocab().items():
        known[id] = added[id].encode() if id in added else spell(token, id)
    return tuple(known.get(id, b"") for id in range(max(known, default=-1) + 1))


def _spelling(tokenizer: "PreTrainedTokenizerBase") -> Callable[[str, int], bytes]:
    kinds = _decoders(tokenizer)
    if "ByteLevel" in kinds:
        return lambda token, id: _byte_level(token)
    if kinds & {"Metaspace", "Replace", "ByteFallback"}:
        return lambda token, id: _sentence_piece(token)
    return lambda token, id: tokenizer.decode([id], skip_special_tokens=False).encode()


def _decoders(tokenizer: "PreTrainedTokenizerBase") -> set[str]:
    """The kinds of decoders of a fast tokenizer, sequences unfolded; none of a slow one."""
    decoder = getattr(getattr(tokenizer, "backend_tokenizer", None), "decoder", None)
    return set(_unfolded(json.loads(decoder.__getstate__()))) if decoder is not None else set()


def _unfolded(decoder: Mapping[str, Any]) -> Iterator[str]:
    yield decoder["type"]
    for part in decoder.get("decoders", ()):
        yield from _unfolded(part)


def _byte_level(token: str) -> bytes:
    table = _bytes_by_character()
    try:
        return bytes(table[character] for character in token)
    except KeyError:
        return token.encode()


def _sentence_piece(token: str) -> bytes:
    if (byte := BYTE_TOKEN.fullmatch(token)) is not None:
        return bytes([int(byte[1], 16)])
    return token.replace(SPACE, " ").encode()


@cache
def _bytes_by_character() -> dict[str, int]:
    """GPT-2's way to write any byte as a printable character: itself where it is one, else one from U+0100 on."""
    printable = [*range(ord("!"), ord("~") + 1), *range(ord("¡"), ord("¬") + 1), *range(ord("®"), ord("ÿ") + 1)]
    others = [byte for byte in range(256) if byte not in printable]
    return {chr(byte): byte for byte in printable} | {chr(256 + index): byte for index, byte in enumerate(others)}
