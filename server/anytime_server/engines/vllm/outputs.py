"""What comes of vLLM, in the contract's words: outputs as chunks, its errors as the server's."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, cast

from vllm.exceptions import VLLMClientError
from vllm.v1.engine.async_llm import AsyncLLM
from vllm.v1.engine.exceptions import EngineDeadError, EngineGenerateError

from anytime_server.engines.contract import Chunk, EngineRequest
from anytime_server.engines.structured import not_spelled
from anytime_server.errors import EngineDied, EngineError, InvalidRequest

if TYPE_CHECKING:
    from vllm.outputs import RequestOutput


def chunk_of(request: EngineRequest, sample: int, output: "RequestOutput", first: bool) -> Chunk:
    """Return an output of one sample as a chunk.

    Raises:
        InvalidRequest: if the sample's grammar has led to where no token goes on.
        EngineError: if vLLM ended it otherwise than by its end.
    """
    completion = output.outputs[0]
    if completion.finish_reason == "error" and request.structured is not None:
        # The grammar is all that fails one request alone: it has led to where no token goes on.
        raise not_spelled(request.structured)
    if completion.finish_reason not in (None, "stop", "length"):
        raise EngineError(f"vLLM ended the request with {completion.finish_reason!r}; its log says why")
    logprobs, alternatives = _split_logprobs(cast(Any, completion.logprobs), request.top_logprobs)
    return Chunk(
        sample=sample,
        token_ids=tuple(completion.token_ids),
        logprobs=logprobs,
        finish_reason=cast(Any, completion.finish_reason),
        prompt_tokens=len(request.input_ids) if first else 0,
        cached_tokens=(output.num_cached_tokens or 0) if first else 0,
        alternatives=alternatives,
    )


def _split_logprobs(flat: Any, top: int) -> tuple[tuple[float, ...], tuple[tuple[tuple[int, float], ...], ...]]:
    """Return the tokens' own logprobs, and their alternatives; both are empty if there are none."""
    if flat is None:
        return (), ()
    if not top:
        return tuple(flat.logprobs), ()
    pairs = list(zip(flat.token_ids, flat.logprobs, strict=True))
    rows = [pairs[start:end] for start, end in zip(flat.start_indices, flat.end_indices, strict=True)]
    return tuple(row[0][1] for row in rows), tuple(_alternatives(row, top) for row in rows)


def _alternatives(row: list[tuple[int, float]], top: int) -> tuple[tuple[int, float], ...]:
    """Return the `top` tokens of a row: vLLM has the drawn one first, and then these, the likeliest first.

    Where it joins outputs that its reader was late for, it leaves out what a row has twice: one of the `top` was drawn.
    """
    if len(row) > top:
        return tuple(row[1 : top + 1])
    return tuple(sorted(row, key=lambda pair: -pair[1]))


@contextmanager
def translated(llm: AsyncLLM) -> Iterator[None]:
    """Turn vLLM's errors into the server's."""
    try:
        yield
    except EngineDeadError as error:
        raise EngineDied("the vLLM engine was stopped or has died; its log says why") from error
    except EngineGenerateError as error:
        if llm.errored:
            raise EngineDied(f"the vLLM engine has died: {error.__cause__}") from error
        raise EngineError(f"vLLM failed on this request: {error.__cause__}") from error
    except VLLMClientError as error:
        raise InvalidRequest(str(error)) from error
