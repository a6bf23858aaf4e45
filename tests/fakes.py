"""A fake engine over bytes, exact and instant: what a session must do is tested on it first."""

import asyncio
import json
from collections.abc import AsyncGenerator, Callable, Iterator, Mapping, Sequence
from functools import cache
from itertools import repeat

from anytime_server.controller import Forbid, Force, Message, ThinkingFormat, ThinkingMarkers, Tool
from anytime_server.controller.tokenizer import NO_VARIABLES
from anytime_server.engines import Chunk, Engine, EngineLimits, EngineLoad, EngineRequest, Sampling
from anytime_server.errors import EngineDied, EngineError

EOS = 256
SPECIAL = {"<think>": 257, "</think>": 258, "<end>": EOS}
WRITTEN = {**{byte: bytes([byte]) for byte in range(EOS)}, **{token: text.encode() for text, token in SPECIAL.items()}}
BLOCK = 16


class ByteTokenizer:
    """Every byte is a token, and so are the think markers; nothing else."""

    eos_ids = (EOS,)
    vocab_size = 259
    longest_token = len("</think>")
    chat_template: str | None = "bytes and tools"
    declared_format: Mapping[str, object] | None = None
    vocabulary = (*(bytes([byte]) for byte in range(EOS)), b"<end>", b"<think>", b"</think>")
    control_tokens = tuple(SPECIAL)
    ignored_roles: tuple[str, ...] = ()

    def encode(self, text: str) -> list[int]:
        for marker in SPECIAL:
            if marker in text:
                before, _, after = text.partition(marker)
                return [*self.encode(before), SPECIAL[marker], *self.encode(after)]
        return list(text.encode())

    def encode_pieces(self, pieces: Sequence[str]) -> list[int]:
        return [token for piece in pieces for token in self.encode(piece)]

    def encode_whole(self, text: str) -> list[int]:
        return self.encode(text)

    def decode(self, ids: Sequence[int]) -> str:
        return b"".join(map(WRITTEN.get, ids, repeat(b""))).decode(errors="replace")

    def render_chat(
        self, messages: Sequence[Message], tools: Sequence[Tool] = (), variables: Mapping[str, object] = NO_VARIABLES
    ) -> str:
        """A line per tool and per turn; like real templates it drops the thinking of earlier turns."""
        offered = "".join(f"tool: {json.dumps(tool)}\n" for tool in tools)
        calls = [json.dumps(message.get("tool_calls")) if "tool_calls" in message else "" for message in messages]
        return offered + "".join(f"{m['role']}: {m['content']}{c}\n" for m, c in zip(messages, calls, strict=True))

    def is_token(self, text: str) -> bool:
        return text in SPECIAL


MARKERS = ThinkingMarkers(open="<think>", close="</think>", opening="<think>", closing="..", cue="\nAnswer:")
LONG_MARKERS = ThinkingMarkers(open="<think>", close="[/end]", opening="<think>", closing="..", cue="\nAnswer:")

Model = Callable[[tuple[int, ...], int], Sequence[int]]
"""From the input ids and the sample's seed (the request's and the sample's number): the tokens to prefer next."""


def scripted(thinking: str, answer: str, short: Callable[[str], str] = lambda seen: f" {seen.count(';')}") -> Model:
    """A model that thinks `thinking`, closes it, and answers; after the cue it answers `short(thinking so far)`.

    Where the script has been cut or has run out, it goes on with spaces (it can be forced to think on). A text that
    opens no thinking it ends at once.
    """
    tokenizer = ByteTokenizer()

    def prefer(ids: tuple[int, ...], seed: int) -> Sequence[int]:
        _, opened, text = tokenizer.decode(ids).partition("<think>")
        if not opened:
            return [EOS]
        thought, closed, after = text.partition("</think>")
        if not closed:
            closing = [SPECIAL["</think>"]] if thought == thinking or len(thought) > len(thinking) else []
            rest = thinking[len(thought) :].encode() or b" "
            return [*closing, rest[0]]
        cued = after.startswith("\nAnswer:")
        script = (short(thought) if cued else answer).encode()
        done = len(after.removeprefix("\nAnswer:").encode())
        return [script[done]] if done < len(script) else [EOS]

    return prefer


class FakeEngine(Engine):
    """Runs a `Model` token by token under the reference state machine, yielding to the event loop at each."""

    name = "fake"
    model = "fake-model"
    default_sampling = Sampling(temperature=0.0)
    logprob = -0.1
    """Of every token."""

    def __init__(self, model: Model, max_model_len: int = 4096, pause_s: float = 0.0) -> None:
        self.tokenizer = ByteTokenizer()
        self.limits = EngineLimits(max_model_len, BLOCK)
        self.pause_s = pause_s
        self.dead = False
        self.active: set[str] = set()
        self.requests: list[EngineRequest] = []
        self.generated = 0
        self.prefilled = 0
        self.dies_at: set[int] = set()
        """Counts of generated tokens at which it is lost, with all that it runs, and back at once."""
        self.lives = 1
        self.gate = asyncio.Event()
        self.gate.set()
        self._prefer = model
        self._cache: set[int] = set()

    async def start(self) -> None:
        self.dead = False

    async def stop(self) -> None:
        self.dead = True

    def load(self) -> EngineLoad:
        return EngineLoad(running=len(self.active), waiting=0, kv_in_use=len(self.active) / 1000)

    async def check_health(self) -> None:
        if self.dead:
            raise EngineError("the engine is down")

    async def _generate(self, request: EngineRequest) -> AsyncGenerator[Chunk, None]:
        self.requests.append(request)
        self.active.add(request.request_id)
        life = self.lives
        try:
            for sample in range(request.samples):
                async for chunk in self._sample(request, sample):
                    if life == self.lives and self.generated in self.dies_at:
                        self.dies_at.discard(self.generated)
                        self.lives += 1
                    if life < self.lives:
                        raise EngineDied("the fake engine died")
                    yield chunk
        finally:
            self.active.discard(request.request_id)

    async def _sample(self, request: EngineRequest, sample: int) -> AsyncGenerator[Chunk, None]:
        ids = request.input_ids
        blocks = list(block_keys(ids))
        cached = self._cached(blocks, len(ids))
        state = request.thinking.state() if request.thinking else None
        seed = (request.sampling.seed or 0) + sample
        for step in range(request.max_tokens):
            await asyncio.sleep(self.pause_s)
            await self.gate.wait()
            await self.check_health()
            constraint = state.constraint() if state else None
            if isinstance(constraint, Force):
                token = constraint.token
            else:
                banned = constraint.tokens if isinstance(constraint, Forbid) else ()
                wishes = [*self._prefer(ids, seed), ord(" ")]
                token = next(t for t in wishes if t not in banned)
            if state:
                state.observe(token)
            ids += (token,)
            if len(ids) % BLOCK == 0:
                blocks.append(hash((*blocks[-1:], ids[-BLOCK:])))
            self._cache.update(blocks if step == 0 else blocks[-1:])
            self.generated += 1
            self.prefilled += len(request.input_ids) if step == 0 else 0
            last = token == EOS or step == request.max_tokens - 1
            yield Chunk(
                sample=sample,
                token_ids=(token,),
                logprobs=(self.logprob,) if request.logprobs else (),
                alternatives=(tuple((token + rank, -0.1 - rank) for rank in range(request.top_logprobs)),)
                if request.top_logprobs
                else (),
                finish_reason=("stop" if token == EOS else "length") if last else None,
                prompt_tokens=len(request.input_ids) if step == 0 else 0,
                cached_tokens=cached if step == 0 else 0,
            )
            if last:
                return

    def _cached(self, blocks: Sequence[int], tokens: int) -> int:
        """Return how many of the input's tokens were there before: whole blocks, never all."""
        known = 0
        while (known + 1) * BLOCK < tokens and blocks[known] in self._cache:
            known += 1
        return known * BLOCK


def block_keys(ids: tuple[int, ...]) -> Iterator[int]:
    """Name each whole block by itself and all before it."""
    before: tuple[int, ...] = ()
    for end in range(BLOCK, len(ids) + 1, BLOCK):
        before = (hash((*before, ids[end - BLOCK : end])),)
        yield before[0]


def fake_format(engine: FakeEngine, markers: ThinkingMarkers = MARKERS) -> ThinkingFormat:
    if type(engine.tokenizer) is ByteTokenizer:
        return _format_in_bytes(markers)
    return ThinkingFormat.from_markers(engine.tokenizer, markers)


@cache
def _format_in_bytes(markers: ThinkingMarkers) -> ThinkingFormat:
    return ThinkingFormat.from_markers(ByteTokenizer(), markers)


class ScriptedEngine(FakeEngine):
    """Plays one script of tokens, whatever was prompted: what is forbidden of it is skipped, what is forced goes first.

    A generation that only answers plays `answer`, or else the script too. At its end comes an end of sequence.
    """

    def __init__(self, tokenizer, script: Sequence[int], answer: Sequence[int] | None = None, **options) -> None:
        super().__init__(lambda ids, seed: (), **options)
        self.tokenizer = tokenizer
        self._script = tuple(script)
        self._answer = self._script if answer is None else tuple(answer)

    async def _sample(self, request: EngineRequest, sample: int) -> AsyncGenerator[Chunk, None]:
        state = request.thinking.state() if request.thinking else None
        answers = request.thinking is None or request.thinking.closed
        trunk = request.thinking.trunk_ids if request.thinking else ()
        (eos,) = self.tokenizer.eos_ids[:1]
        script = iter((*(self._answer if answers else self._script[len(trunk) :]), eos))
        for step in range(request.max_tokens):
            await asyncio.sleep(self.pause_s)
            constraint = state.constraint() if state else None
            if isinstance(constraint, Force):
                token = constraint.token
            else:
                banned = constraint.tokens if isinstance(constraint, Forbid) else ()
                token = next((token for token in script if token not in banned), eos)
            if state:
                state.observe(token)
            self.generated += 1
            self.prefilled += len(request.input_ids) if step == 0 else 0
            forced_on = state is not None and isinstance(state.constraint(), Force)
            last = (token == eos and not forced_on) or step == request.max_tokens - 1
            yield Chunk(
                sample=sample,
                token_ids=(token,),
                logprobs=(-0.1,),
                alternatives=((),) if request.top_logprobs else (),
                finish_reason=("stop" if token == eos else "length") if last else None,
                prompt_tokens=len(request.input_ids) if step == 0 else 0,
                cached_tokens=0,
            )
            if last:
                return
