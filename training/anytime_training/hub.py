"""Whether there is a model or a data set, asked before a library asks the Hub for it again and again for a minute."""

from anytime_training.errors import DataError, TrainingError


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


def check_data(name: str) -> None:
    """Check that a data set of the Hub is there, as `check_model` does.

    Raises:
        DataError: as `check_model` does.
    """
    from anytime_server.engines.hub import look_up_data
    from anytime_server.errors import EngineError

    try:
        look_up_data(name)
    except EngineError as error:
        raise DataError(error.message) from None
