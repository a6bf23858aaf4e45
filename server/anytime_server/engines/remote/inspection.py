"""What a server says of itself, and whether it is one that the remote engine can use.

Each check has an error with its remedy, since what is wrong is in how the server was started.
"""

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import httpx

from anytime_server.controller import BudgetPolicy, FormatError, ThinkingFormat, Tokenizer
from anytime_server.controller.markers import THINK_TAGS
from anytime_server.engines.contract import PLAIN_FROM, EngineRequest, Thinking
from anytime_server.engines.remote.body import ROUTE
from anytime_server.engines.remote.config import RemoteConfig
from anytime_server.engines.remote.draws import draws_by_position, generated
from anytime_server.engines.remote.upstream import Upstream
from anytime_server.errors import EngineDied, EngineError, InvalidRequest

PROCESSOR = "anytime_server.engines.vllm:BudgetLogitsProcessor"
BLOCK_SIZE = 16

SAMPLE = "<think>\nWhat is 12 + 34?  Forty-six, über 46, 日本 🙂\n</think>\n\n"
BUSY_S = 5.0
CACHE_CONFIG = re.compile(r"^vllm:cache_config_info\{(?P<labels>.*)\} ", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')


@dataclass(frozen=True, slots=True)
class Description:
    """A server as it describes itself.

    Attributes:
        model: the name it serves its model under.
        version: of the server's software.
        max_model_len: tokens of context.
        block_size: tokens of a KV block.
        ranks: of data parallelism.
        plain_from: see `Engine.plain_from`.
        unsupported: see `Engine.unsupported`.
        draws_by_position: whether it draws a token by the seed and its place; vLLM's V1 model runner does not. None if
            it is not known.
    """

    model: str
    version: str
    max_model_len: int
    block_size: int
    ranks: int = 1
    plain_from: int | None = PLAIN_FROM
    unsupported: Mapping[str, str] = field(default_factory=dict)
    draws_by_position: bool | None = True


async def inspect(upstream: Upstream, config: RemoteConfig, tokenizer: Tokenizer) -> Description:
    """Look whether a server can be used; return what it says of itself.

    Raises:
        EngineDied: if it can't be reached, or is not ready.
        EngineError: if it can't be used, saying what to change.
    """
    description = await describe(upstream, config)
    await check_tokenizer(upstream, tokenizer)
    await check_processor(upstream, tokenizer, config.stall_s)
    if description.draws_by_position is None:
        found = await draws_by_position(upstream, tokenizer, SAMPLE, BUSY_S)
        return replace(description, draws_by_position=found)
    return description


async def describe(upstream: Upstream, config: RemoteConfig) -> Description:
    """Ask a server for its model, and look for the route.

    Raises:
        Refused: if it can't be reached, or is not ready.
        EngineError: if it can't be used, saying how to start it.
    """
    await upstream.ask("GET", "/health")
    models = await upstream.ask("GET", "/v1/models")
    if models.status_code != httpx.codes.OK:
        upstream.raise_for(models)
    await check_route(upstream)
    try:
        card: dict[str, Any] = models.json()["data"][0]
        version = str((await upstream.ask("GET", "/version")).json()["version"])
        name, context = str(card["id"]), int(card["max_model_len"])
        if "anytime" in card:
            return Description(name, version, context, **card["anytime"])
    except (LookupError, TypeError, ValueError) as error:
        raise EngineError(f"{upstream.url} does not tell its model and version; is it a vLLM server?") from error
    caches = _cache_configs((await upstream.ask("GET", "/metrics")).text)
    labels = caches[0] if caches else {}
    return Description(
        name,
        version,
        context,
        block_size=config.block_size or _whole(labels.get("block_size")) or BLOCK_SIZE,
        ranks=config.data_parallel_size or len({cache.get("engine") for cache in caches}) or 1,
        draws_by_position=config.draws_by_position,
        plain_from=None if labels.get("enable_prefix_caching") == "False" else PLAIN_FROM,
    )


async def check_route(upstream: Upstream) -> None:
    """Check that the route is there and open: it refuses a body with nothing in it.

    Raises:
        EngineError: if it is not.
    """
    response = await upstream.ask("POST", ROUTE, {})
    if response.status_code not in (httpx.codes.BAD_REQUEST, httpx.codes.UNPROCESSABLE_ENTITY):
        upstream.raise_for(response)


async def check_tokenizer(upstream: Upstream, tokenizer: Tokenizer) -> None:
    """Check that the server's tokenizer is ours, if it tells: another one's token ids are another text.

    Raises:
        EngineError: if it is not.
    """
    response = await upstream.ask("POST", "/tokenize", {"prompt": SAMPLE, "add_special_tokens": False})
    if response.status_code != httpx.codes.OK:
        return
    try:
        told = response.json()["tokens"]
    except (LookupError, TypeError, ValueError) as error:
        raise EngineError(f"{upstream.url}/tokenize does not tell tokens; is it a vLLM server?") from error
    if told != tokenizer.encode(SAMPLE):
        raise EngineError(
            f"{upstream.url} has another tokenizer than the one loaded here; give its model's in --model (a Hub id or "
            "a path)"
        )


async def check_processor(upstream: Upstream, tokenizer: Tokenizer, stall_s: float) -> None:
    """Check that the server keeps a budget, by a thought of one token.

    One that is too busy for it is left in peace, unless it has hung: it gets `stall_s` to show that it thinks.

    Raises:
        EngineDied: if it hangs.
        EngineError: if it does not keep a budget.
    """
    try:
        async with asyncio.timeout(stall_s if upstream.hangs else BUSY_S):
            closed = await _closes_after_one(upstream, tokenizer)
    except TimeoutError:
        if upstream.hangs:
            raise EngineDied(f"{upstream.url} answers, and does not think: it hangs; its log may say why") from None
        return
    except InvalidRequest as error:
        raise EngineError(f"{upstream.url} takes no thinking budget: {error}") from error
    if not closed:
        raise EngineError(
            f"{upstream.url} does not keep a thinking budget; install anytime-reasoning beside vLLM there, and start "
            f"it with --logits-processors {PROCESSOR}"
        )


async def _closes_after_one(upstream: Upstream, tokenizer: Tokenizer) -> bool:
    """Think one token under a budget of one; return whether the closing follows."""
    format = _any_format(tokenizer)
    closing = format.closing_ids if format else ()
    thinking = Thinking(BudgetPolicy(1, min_budget=1), format) if format else None
    prompt = tuple(tokenizer.encode(SAMPLE))
    request = EngineRequest("anytime-check", prompt, 1 + len(closing), thinking=thinking)
    return tuple(one.token for one in (await generated(upstream, request, tokenizer))[1:]) == closing


def _any_format(tokenizer: Tokenizer) -> ThinkingFormat | None:
    """The tokenizer's own format, or one with common markers: any will do; None if it can't spell these."""
    try:
        return ThinkingFormat.resolve(tokenizer)
    except FormatError:
        pass
    try:
        return ThinkingFormat.from_markers(tokenizer, THINK_TAGS)
    except FormatError:
        return None


def _cache_configs(metrics: str) -> list[dict[str, str]]:
    """Return the labels of vLLM's `cache_config_info`, one set for each rank; none if it keeps no metrics."""
    return [dict(LABEL.findall(found["labels"])) for found in CACHE_CONFIG.finditer(metrics)]


def _whole(text: str | None) -> int | None:
    return int(text) if text is not None and text.isascii() and text.isdigit() else None
