"""Messages of the libraries that tell a user nothing, or something that is not so."""

import ast
import logging
import sys
import warnings
from collections.abc import Collection

MISSING_KEYS = "There were missing keys in the checkpoint model loaded: "


def quieten(uses_vllm: bool) -> None:
    """Keep off the screen what the libraries say as they are imported; call it before they are."""
    if not uses_vllm:
        warnings.filterwarnings("ignore", message="TRL currently supports vLLM")
        # TRL imports vLLM wherever it is installed, and vLLM's build for CPUs misses a part that it has no use for.
        logging.getLogger("vllm.triton_utils.importing").setLevel(logging.ERROR)
    # Where torch.compile leaves a graph is of interest to who works on its speed, and costs nothing here.
    logging.getLogger("torch._dynamo.variables.tensor").setLevel(logging.ERROR)
    logging.getLogger("transformers.trainer_utils").addFilter(_says_nothing_of_mtime)
    if not sys.stderr.isatty():
        from datasets import disable_progress_bars
        from transformers.utils.logging import disable_progress_bar

        disable_progress_bars()
        disable_progress_bar()


def expect_missing(keys: Collection[str]) -> None:
    """Keep off the screen that a checkpoint lacks these weights: they are tied to others, so it need not hold them."""

    def is_worth_saying(record: logging.LogRecord) -> bool:
        message = record.getMessage()
        if not message.startswith(MISSING_KEYS):
            return True
        missing = ast.literal_eval(message.removeprefix(MISSING_KEYS).removesuffix("."))
        return not set(missing) <= set(keys)

    logging.getLogger("transformers.trainer").addFilter(is_worth_saying)


def _says_nothing_of_mtime(record: logging.LogRecord) -> bool:
    """Checkpoints are in order by their numbers, which is all that is needed of them."""
    return "mtime may not be reliable" not in record.getMessage()
