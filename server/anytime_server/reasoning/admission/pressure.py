"""How full a server is, as one number: what autoscalers go by."""

from anytime_server.engines import EngineLoad


def pressure(taken: int, slots: int, load: EngineLoad) -> float:
    """Return 0 for an idle server up to 1 for a full one, by what is scarcest.

    Args:
        taken: session slots in use, those of `background` sessions among them.
        slots: session slots there are.
        load: of the engine; requests that wait in it mean that it is full, however few they are.
    """
    return 1.0 if load.waiting else min(1.0, max(taken / slots, load.kv_in_use))
