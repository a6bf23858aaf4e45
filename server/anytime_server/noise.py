"""What libraries say while a model is served: what tells its user nothing is left out, the rest goes to the log."""

import logging
import os
import sys
import warnings

from anytime_server.logs import LogFormat

STARTUP_FAILED = "Application startup failed. Exiting."


def quieten(format: LogFormat, level: str) -> None:
    """Keep off the screen what the libraries tell their developers, at any level but debug.

    Call it once the log is configured, and before an engine is imported.
    """
    if level == "debug":
        return
    # What uvicorn says of the start and the end is told by the banner and by the drain.
    logging.getLogger("uvicorn").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.error").addFilter(_says_more_than_that_it_failed)
    logging.getLogger("ContinuousBatchingLogger").addFilter(_is_no_token_too_many)
    # Its processes take it from the environment. Loading is told by progress bars.
    os.environ.setdefault("VLLM_LOGGING_LEVEL", "WARNING")
    # Of what libraries will change one day, who serves a model need not know.
    warnings.filterwarnings("ignore", category=FutureWarning)
    logging.captureWarnings(True)
    if format is LogFormat.json or not sys.stderr.isatty():
        from huggingface_hub.utils.tqdm import disable_progress_bars

        disable_progress_bars()


def _says_more_than_that_it_failed(record: logging.LogRecord) -> bool:
    """The line before has said why."""
    return record.getMessage() != STARTUP_FAILED


def _is_no_token_too_many(record: logging.LogRecord) -> bool:
    """Transformers draws one more token for a request that is cut while a step is under way, and warns of it."""
    return "generated a useless token" not in record.getMessage()
