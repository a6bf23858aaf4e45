"""What engines that wrap another one share: they are described as it is."""

from anytime_server.engines.contract import Engine


class Wrapper(Engine):
    """Stands for the engine that it wraps; what it does itself, subclasses say."""

    def __init__(self, engine: Engine) -> None:
        """Wrap `engine`; what it tells of itself before its start is told here, too."""
        self.name, self.model, self.queues = engine.name, engine.model, engine.queues
        self._engine = engine

    def _describe(self) -> None:
        """Tell what the engine tells of itself once it has been started."""
        engine = self._engine
        self.tokenizer, self.limits, self.default_sampling = engine.tokenizer, engine.limits, engine.default_sampling
        self.unsupported, self.registries, self.plain_from = engine.unsupported, engine.registries, engine.plain_from

    @property
    def steps(self) -> int:
        """See `Engine.steps`."""
        return self._engine.steps
