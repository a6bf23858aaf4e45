"""How tokens are drawn for a request, once it is clear that it is for this model and this engine."""

from dataclasses import replace

from anytime_client.protocol import ReasonRequest
from anytime_server.engines import Engine, Sampling
from anytime_server.errors import InvalidRequest
from anytime_server.reasoning.settings.settings import ReasonSettings


def checked_sampling(request: ReasonRequest, engine: Engine, settings: ReasonSettings) -> Sampling:
    """Return how tokens are drawn for `request`, once it is clear that it is for this model and this engine.

    Raises:
        InvalidRequest: if it names another model, or a field that the engine can't honour.
    """
    check_model(request.model, (engine.model, *settings.aliases))
    _check_engine_can(request, engine)
    return _sampling(request, engine)


def check_model(name: str | None, served: tuple[str, ...]) -> None:
    """Check that a request which names a model names one of those served.

    Raises:
        InvalidRequest: if it does not.
    """
    if name is not None and name not in served:
        names = ", ".join(repr(one) for one in served)
        raise InvalidRequest(f"this server serves {names}, not {name!r}", param="model", code="model_not_found")


def interim_sampling(request: ReasonRequest, sampling: Sampling) -> Sampling:
    """Return how the tokens of interim answers are drawn, given how the others are.

    Raises:
        InvalidRequest: if all samples of an interim answer would be the same.
    """
    temperature = request.interim.temperature
    if temperature is not None:
        sampling = replace(sampling, temperature=temperature)
    if request.interim.samples > 1 and sampling.temperature == 0:
        raise InvalidRequest(
            f"{request.interim.samples} interim samples of a greedy model are all the same; set interim.temperature "
            "above 0, or leave out interim.samples",
            param="interim.temperature",
        )
    return sampling


def _check_engine_can(request: ReasonRequest, engine: Engine) -> None:
    for name, task in engine.unsupported.items():
        if name in request.model_fields_set and getattr(request, name) is not None:
            raise InvalidRequest(f"the {engine.name} engine can't {task}", param=name)


def _sampling(request: ReasonRequest, engine: Engine) -> Sampling:
    default = engine.default_sampling
    temperature = default.temperature if request.temperature is None else request.temperature
    return Sampling(
        temperature=temperature,
        top_p=default.top_p if request.top_p is None else request.top_p,
        top_k=default.top_k if request.top_k is None else _cut(request.top_k, engine.tokenizer.vocab_size),
        min_p=default.min_p if request.min_p is None else request.min_p,
        seed=request.seed,
    )


def _cut(top_k: int, vocab_size: int) -> int | None:
    """Return a top_k that leaves something out; none of 0, -1 and what is no less than the vocabulary does."""
    return top_k if 0 < top_k < vocab_size else None
