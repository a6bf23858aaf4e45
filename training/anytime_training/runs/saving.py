"""Saving a model so that a reader never sees half a file, and so that whatever loads models loads it."""

import json
import tempfile
from pathlib import Path
from typing import Any

GENERIC_CLASS = "TokenizersBackend"
"""What transformers 5 calls a fast tokenizer of no model in particular."""

WHAT_IS_LOADED = ("dtype", "revision", "trust_remote_code")
"""The settings of loading a model that say which weights it has, and not how it runs."""


def save_in_place(model: Any, tokenizer: Any, out: Path) -> None:
    """Write model and tokenizer to a folder in `out` first, then move each file up.

    Beside `out`, it may be another file system, or nobody's to write to.
    """
    model.config.use_cache = True  # trainers switch it off
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=out) as folder:
        model.save_pretrained(folder)
        tokenizer.save_pretrained(folder)
        _name_portable_class(Path(folder) / "tokenizer_config.json")
        for path in Path(folder).iterdir():
            path.chmod(0o644)  # safetensors writes for its owner only
            path.replace(out / path.name)


def save_trained(trainer: Any, base: str, out: Path) -> None:
    """Write the model of a TRL trainer, which began as `base` (a folder or Hub id), and its tokenizer to `out`.

    A trained adapter goes to `out`/adapter, and `out` holds the model with the adapter merged in. Every process must
    call it: each may hold only a part of the weights.
    """
    model, main = trainer.accelerator.unwrap_model(trainer.model), trainer.is_world_process_zero()
    if hasattr(model, "peft_config"):
        trainer.save_model(str(out / "adapter"))
        if main:
            merged = merge(base, out / "adapter", trainer.args.model_init_kwargs or {})
            save_in_place(merged, trainer.processing_class, out)
    elif trainer.is_fsdp_enabled or trainer.is_deepspeed_enabled:
        model.config.use_cache = True
        trainer.save_model(str(out))
        if main:
            _name_portable_class(out / "tokenizer_config.json")
    elif main:
        save_in_place(model, trainer.processing_class, out)
    trainer.accelerator.wait_for_everyone()


def merge(base: str, adapter: Path, settings: dict[str, Any]) -> Any:
    """The model `base` on the CPU with an adapter merged into its weights; `settings` are those of loading it.

    The weights under an adapter are frozen, so they are read again where they came from: so no process needs all of a
    sharded model.
    """
    from peft import PeftModel
    from trl.trainer.utils import create_model_from_path

    kept = {name: settings[name] for name in WHAT_IS_LOADED if name in settings}
    # As the trainer loads it: the adapter names the modules of that class.
    model = create_model_from_path(base, **{"dtype": "auto", "device_map": None, **kept})
    return PeftModel.from_pretrained(model, str(adapter), torch_device="cpu").merge_and_unload()


def _name_portable_class(path: Path) -> None:
    """Name the tokenizer class that every transformers version since 4 loads."""
    config = json.loads(path.read_text(encoding="utf-8"))
    for where_it_was_loaded in ("is_local", "local_files_only"):
        config.pop(where_it_was_loaded, None)
    if config["tokenizer_class"] == GENERIC_CLASS:
        config["tokenizer_class"] = "PreTrainedTokenizerFast"
    path.write_text(json.dumps(config, indent=2, ensure_ascii=False) + "\n", encoding="utf-8")
