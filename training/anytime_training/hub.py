"""Whether there is a model, asked before a library does, which asks the Hub file by file for most of a minute."""

from anytime_training.errors import TrainingError


def check_model(name: str) -> None:
    """Check that a folder, a Hub id or the embedded model is there, within seconds.

    Raises:
        TrainingError: if it is not on this machine, and the Hub does not know it or can't be reached.
    """
    from anytime_server.engines.hub import look_up
    from anytime_server.errors import EngineError

    try:
        look_up(name)
    except EngineError as error:
        raise TrainingError(error.message) from None
