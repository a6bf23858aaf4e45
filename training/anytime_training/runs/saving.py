"""Saving a model so that a reader never sees half a file."""

import json
import tempfile
from pathlib import Path
from typing import Any

GENERIC_CLASS = "TokenizersBackend"
"""What transformers 5 calls a fast tokenizer of no model in particular."""


def save_in_place(model: Any, tokenizer: Any, out: Path) -> None:
    """Write model and tokenizer beside `out` first, then move each file into it."""
    model.config.use_cache = True  # trainers switch it off
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out.parent) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        _name_portable_class(Path(folder) / "tokenizer_config.json")
        for path in Path(folder).iterdir():
            path.chmod(0o644)  # safetensors writes for its owner only
            path.replace(out / path.name)


def _name_portable_class(path: Path) -> None:
    """Name the tokenizer class that every transformers version since 4 loads."""
    config = json.loads(path.read_text(encoding="utf-8"))
    for where_it_was_loaded in ("is_local", "local_files_only"):
        config.pop(where_it_was_loaded, None)
    if config["tokenizer_class"] == GENERIC_CLASS:
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
