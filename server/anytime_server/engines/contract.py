"""The contract of an inference engine: token ids in, an async stream of chunks out."""

from abc import ABC, abstractmethod
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from anytime_client.protocol import StructuredOutputs
from anytime_server.controller import BudgetPolicy, BudgetState, ThinkingFormat, Tokenizer

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry


@dataclass(frozen=True, slots=True)
class Sampling:
    """How tokens are drawn. A temperature of 0 is greedy; None leaves that cut or seed out.

    A seeded sample draws each token by the seed and the token's place in prompt and output together, so that a request
    that goes on from its tokens draws as it would have. vLLM's V1 model runner can't: there every request draws from a
    stream of its own, made from the seed and the length of its input.
    """

    temperature: float = 1.0
    top_p: float | None = None
    top_k: int | None = None
    min_p: float | None = None
    seed: int | None = None


@dataclass(frozen=True, slots=True)
class Thinking:
    """A generation that thinks under a policy, from the start or from a trunk that it goes on with.

    The trunk holds thinking tokens only: no close marker. A `closed` one has its thinking, closed for the model, in
    its prompt: it answers, and can't open the thinking again. Its trunk is what it has answered so far, which may end
    within an open marker.
    """

    policy: BudgetPolicy
    format: ThinkingFormat
    trunk_ids: tuple[int, ...] = ()
    closed: bool = False

    @classmethod
    def over(cls, format: ThinkingFormat, answered: Sequence[int] = ()) -> "Thinking":
        """Return thinking that is over: closed in the prompt, and answered so far by the tokens `answered`."""
        return cls(BudgetPolicy(0), format, tuple(answered), closed=True)

    def state(self) -> BudgetState:
        """Return a fresh state machine for this generation."""
        if self.closed:
            return BudgetState.answering(self.policy, self.format, self.trunk_ids)
        return BudgetState(self.policy, self.format, self.trunk_ids)


Role = Literal["trunk", "branch", "rest"]


@dataclass(frozen=True, slots=True)
class EngineRequest:
    """One generation.

    The engine's prompt is `prompt_ids` and then the trunk of `thinking`, which is the last text before the first new
    token. A generation ends at an end-of-sequence token or after `max_tokens` new tokens per sample.

    `structured` holds every new token to a grammar, so it does not go with `thinking`; an engine that can't says so in
    `unsupported`. Without `logprobs` none are reported, which is faster (see `Engine.plain_from`).
    `top_logprobs` is how many of the most likely tokens are reported beside each new one.
    `session_id` is shared by the requests that go on from one prompt, so that an engine of several parts keeps them
    where their cache is, and can tell whose requests it died of.
    `client` and `role` say whose turn it is, to a `Gate`: whether a thinking begins, an interim answer is branched
    off, or the rest of what had its turn is to come. An engine that orders its queue takes the lowest `priority` first.
    """

    request_id: str
    prompt_ids: tuple[int, ...]
    max_tokens: int
    sampling: Sampling = Sampling()
    samples: int = 1
    thinking: Thinking | None = None
    structured: StructuredOutputs | None = None
    logprobs: bool = True
    top_logprobs: int = 0
    session_id: str = ""
    client: str = ""
    role: Role = "rest"
    priority: int = 0

    def __post_init__(self) -> None:
        """Check the fields against each other."""
        if self.top_logprobs and not self.logprobs:
            raise ValueError("top_logprobs are reported beside logprobs")

    @property
    def input_ids(self) -> tuple[int, ...]:
        """All tokens the engine starts from."""
        return self.prompt_ids + self.thinking.trunk_ids if self.thinking else self.prompt_ids


@dataclass(frozen=True, slots=True)
class Chunk:
    """New tokens of one sample.

    Attributes:
        sample: which of the request's samples, from 0.
        token_ids: new tokens; an end-of-sequence token that ended the sample is among them.
        logprobs: one per token, if asked for: under the model's own distribution, before temperature, cuts and forcing.
        finish_reason: set on the last chunk of the sample, which may hold no tokens.
        prompt_tokens: tokens of the input, on the first chunk of the sample, else 0.
        cached_tokens: those of them that came from the prefix cache, on the same chunk; on the last one if the engine
            learns of them only then. Of a request that is left before they are not known, and count as computed.
        alternatives: one per token, if asked for: the most likely tokens in its place with their logprobs, best first.
    """

    sample: int
    token_ids: tuple[int, ...]
    logprobs: tuple[float, ...]
    finish_reason: Literal["stop", "length"] | None = None
    prompt_tokens: int = 0
    cached_tokens: int = 0
    alternatives: tuple[tuple[tuple[int, float], ...], ...] = ()


@dataclass(frozen=True, slots=True)
class EngineLimits:
    """Sizes of a running engine, in tokens."""

    max_model_len: int
    block_size: int


@dataclass(frozen=True, slots=True)
class EngineLoad:
    """What an engine holds right now: requests by state, and the share of KV blocks held by them (0..1)."""

    running: int
    waiting: int
    kv_in_use: float


PLAIN_FROM = 32
"""What `Engine.plain_from` is for vLLM. Logprobs make a step up to a tenth longer: they are computed for the whole
batch, sent and unpacked token by token. To go on in a second request costs about two steps."""

Recovery = Literal["restart", "process", "itself"]
"""By `kill` and `start`; only in a new process; or `alive` does all there is to do."""


class Engine(ABC):
    """An inference engine. All methods but `check_structured` are called on one event loop.

    Between `start` and `stop` any number of generations may run at once. Closing the iterator of `generate` aborts
    its request and frees what it held; an iterator that ends or raises has freed it already.
    """

    name: str
    model: str
    tokenizer: Tokenizer
    limits: EngineLimits
    default_sampling: Sampling
    unsupported: Mapping[str, str] = {}
    """Request fields this engine can't honour, each with what it can't do for it, and the remedy."""
    registries: "Sequence[CollectorRegistry]" = ()
    """Prometheus registries in which the engine keeps metrics of its own."""
    plain_from: int | None = None
    """Thinking tokens from which it pays to generate them by a request of their own, without logprobs, and to go on at
    a block of the prefix cache in another. None where logprobs cost next to nothing, or that cache is off."""
    queues: bool = True
    """Whether it takes a bounded number of requests at once, and lets the others wait in an order of its own."""
    recovery: Recovery = "restart"
    """How it comes back from an EngineDied."""
    restarts: int = 0
    """How often it has been started again."""
    lost: str | None = None
    """Why it won't come back, once it is known; the process should end then, for another to take its place."""
    _passed: int = 0

    @abstractmethod
    async def start(self) -> None:
        """Load the model and be ready to generate. If it is cancelled, `stop` frees what there is by then.

        Raises:
            EngineError: if the model can't be loaded, saying what to change.
        """

    @abstractmethod
    async def stop(self) -> None:
        """Free everything. Running generations raise EngineDied. Safe to call twice."""

    async def kill(self) -> None:
        """Free everything of an engine that has died or hangs: as `stop` does, but without waiting for its consent."""
        await self.stop()

    @property
    def steps(self) -> int:
        """A number that changes while the engine works; requests in it and none of this is a hang."""
        return self._passed

    @abstractmethod
    def _generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        """Run `request`, which is sound, under its policy."""

    @abstractmethod
    def load(self) -> EngineLoad:
        """Return what the engine holds right now."""

    @abstractmethod
    async def check_health(self) -> None:
        """Raise EngineError if the engine can no longer serve."""

    async def alive(self) -> None:
        """Wait, after an EngineDied, until the engine can generate again; one that nobody restarts can now or never.

        Raises:
            EngineError: if it won't come back.
        """
        await self.check_health()

    def check_structured(self, wanted: StructuredOutputs) -> None:  # noqa: B027 (most engines have nothing to compile)
        """Compile what an answer is to be held to, so that it fails before anything is generated.

        Safe in any thread; it may take seconds, and is not for the event loop. An engine that can't hold an answer to
        anything says so in `unsupported`, and is not asked.

        Raises:
            InvalidRequest: if it can't be compiled, or if the vocabulary can't spell it.
            EngineError: if nothing can be compiled.
        """

    async def generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        """Stream `request`'s chunks.

        Raises:
            EngineDied: if the engine is lost on the way; what it has streamed stands.
            EngineError: if the engine fails or is stopped.
        """
        thinks = request.thinking is not None and not request.thinking.closed
        if thinks and request.samples != 1:
            raise ValueError("a generation that thinks has one sample")
        if thinks and request.structured is not None:
            raise ValueError("thinking can't be held to a grammar")
        async with aclosing(self._generate(request)) as chunks:
            async for chunk in chunks:
                self._passed += 1
                yield chunk
