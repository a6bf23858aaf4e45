"""Random thinking policies over a small vocabulary, and what the state machine says a row of logits must be."""

from dataclasses import replace

import torch
from hypothesis import strategies as st

from anytime_server.controller import (
    BudgetPolicy,
    BudgetState,
    Constraint,
    Forbid,
    Force,
    ThinkingMarkers,
)
from anytime_server.engines import Thinking
from anytime_server.engines.vllm.wire import Formats

TEXTS = ("a", "<", "/", ">", "</", ".a<", "/>a", "<>", "", "E", "F", "</>")
VOCABULARY = len(TEXTS)
EOS = (TEXTS.index("E"), TEXTS.index("F"))
SENTENCE_ENDS = frozenset({0, 5})
FORCED_LOGIT = 1e9
WORDS = [token for token in range(VOCABULARY) if token not in EOS]


class Words:
    """A tokenizer over so few words that markers, half markers and sentence ends are common."""

    eos_ids = EOS
    vocab_size = VOCABULARY
    vocabulary = tuple(text.encode() for text in TEXTS)
    chat_template = declared_format = None

    def encode(self, text: str) -> list[int]:
        ids: list[int] = []
        while text:
            word = max((word for word in TEXTS if word and text.startswith(word)), key=len)
            ids.append(TEXTS.index(word))
            text = text[len(word) :]
        return ids

    def decode(self, ids: list[int]) -> str:
        return "".join(TEXTS[token] for token in ids)


def markers(open: str, close: str, **headers: object) -> ThinkingMarkers:
    return ThinkingMarkers(open=open, close=close, opening="", closing="", cue="", **headers)


TOKENIZER = Words()
FORMATS = Formats(lambda: TOKENIZER)
MARKERS = [
    markers("<a>", "</>"),
    markers("<>", ">"),
    markers("<a", "<//>"),
    markers("a<", "<a/>", headers=("<a/", "<//", "/a"), header_end=">"),
    markers("<>", "</>/>", headers=("</>/>", "</>a"), header_end="/>"),
]


@st.composite
def thinkings(draw: st.DrawFn) -> Thinking:
    """Policies in formats with plain markers and with headers; trunks that hold half markers, and whole ones."""
    eos = tuple(draw(st.lists(st.sampled_from(EOS), unique=True, max_size=2)))
    words = st.lists(st.sampled_from(WORDS), max_size=3)
    resolved = FORMATS.of(draw(st.sampled_from(MARKERS)))
    cue = tuple(draw(words))
    format = replace(resolved, closing_ids=(*draw(words), *resolved.close_ids), cue_ids=cue, eos_ids=eos)
    if draw(st.integers(0, 5)) == 0:
        return Thinking.over(format, draw(st.lists(st.sampled_from(WORDS), max_size=8)))
    budget = draw(st.integers(0, 20))
    policy = BudgetPolicy(
        budget=budget,
        min_budget=draw(st.sampled_from([0, budget, max(0, budget - 1)]) | st.integers(0, budget)),
        landing=draw(st.just(0) | st.integers(0, 6)),
        short_answer=bool(cue) and draw(st.booleans()),
        sentence_end_ids=SENTENCE_ENDS,
    )
    return Thinking(policy, format, tuple(draw(st.lists(st.sampled_from(WORDS), max_size=8))))


def allowed(constraint: Constraint) -> list[int]:
    match constraint:
        case Force(token):
            return [token]
        case Forbid(tokens):
            return [token for token in range(VOCABULARY) if token not in tokens]
    return list(range(VOCABULARY))


def constrained(logits: torch.Tensor, constraint: Constraint) -> torch.Tensor:
    """The row `logits` as the constraint must leave it."""
    expected = logits.clone()
    match constraint:
        case Force(token):
            expected[token] = FORCED_LOGIT
        case Forbid(tokens):
            expected[list(tokens)] = -float("inf")
    return expected


def replay(thinking: Thinking, output: list[int]) -> BudgetState:
    state = thinking.state()
    for token in output:
        state.observe(token)
    return state
