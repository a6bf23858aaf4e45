"""The budget's state machine as tensor operations: a request's tokens are scanned, and its next one is constrained.

Counts number a request's tokens from the beginning of its thinking, its trunk included: count c is the token at
`start + c - 1`. Every request stands at a node of the format's tables (see `tables`); scanning a token moves it on.
Once thinking has ended, what is forced is a script, read off by the number of tokens since then:

    script = closing + cue
    cut outright              -> the script from 0
    cut inside a marker begun -> its completion, then the script from where the closing ends
    ended by the model itself -> the cue alone, that is the script from where the closing ends

A request that ends the sequence while it thinks is not followed further: the engine stops there.

Every shape depends on host values only. Nothing is read back to the host, so no operation waits for the device, but for
one: after a long window (`catch_up`) the host asks what is left of it.
Dimensions: R rows, E end-of-sequence ids, V token ids; see `tables` for N and C.
"""

from collections.abc import Callable
from dataclasses import dataclass

import torch

from anytime_server.controller import Standing
from anytime_server.engines.vllm.tables import (
    ANSWER,
    COMPLETES_BIT,
    DONE,
    HEADER,
    NODE_SHIFT,
    STANDING_BITS,
    THINK,
    Roots,
    Tables,
)
from anytime_server.engines.vllm.wire import WirePolicy

MAX_SCRIPT = 256
MAX_EOS = 16
MAX_WINDOW = 32
"""Tokens that are scanned one by one without asking which of them matter."""
PASSED_AT_ONCE = 1024
STEP_AFTER = 2
"""Tokens scanned one by one before more is passed over: mostly one that might begin a marker, and one that does not."""
UNENDED = -1
NO_TOKEN = -1
NO_NODE = -1

START, TRUNK, BUDGET, MIN_BUDGET, LANDING, CLOSING, SCRIPT_LENGTH, THINK_ROOT, ANSWER_ROOT = range(9)
EOS_AT = 9
SCRIPT_AT = EOS_AT + MAX_EOS
WIDTH = SCRIPT_AT + MAX_SCRIPT

SCANNED, NODE, KEPT, ENDED, OFFSET, COMPLETING = range(6)

ReadTokens = Callable[[torch.Tensor], torch.Tensor]
"""Token ids at (R, n) int64 positions, which may be out of range where the result is not used."""


def no_policy() -> list[int]:
    """Return the parameters of a request without a policy: its script is empty, so nothing is ever forced."""
    row = [0] * WIDTH
    row[BUDGET] = torch.iinfo(torch.int32).max
    row[EOS_AT:SCRIPT_AT] = [NO_TOKEN] * MAX_EOS
    return row


def parameters(policy: WirePolicy, prompt_len: int, roots: Roots) -> list[int]:
    """Return the parameters of a request whose prompt ends with its trunk; budgets beyond int32 are capped."""
    row = no_policy()
    script = (*policy.closing, *policy.cue)
    row[START], row[TRUNK] = prompt_len - policy.trunk, policy.trunk
    for column, value in ((BUDGET, policy.budget), (MIN_BUDGET, policy.min_budget), (LANDING, policy.landing)):
        row[column] = min(value, torch.iinfo(torch.int32).max)
    row[CLOSING], row[SCRIPT_LENGTH] = len(policy.closing), len(script)
    row[THINK_ROOT], row[ANSWER_ROOT] = roots.think, roots.answer
    row[EOS_AT : EOS_AT + len(policy.eos)] = policy.eos
    row[SCRIPT_AT : SCRIPT_AT + len(script)] = script
    return row


def initial_state(policy: WirePolicy | None, roots: Roots | None, reach: int) -> list[int]:
    """Return the state of a request that enters; the last `reach` tokens of its trunk are scanned first."""
    if policy is None or roots is None:
        return [0, 0, 0, UNENDED, 0, NO_NODE]
    begin = max(0, policy.trunk - reach)
    if policy.closed:
        return [begin, roots.answer, begin, 0, len(policy.closing) + len(policy.cue), NO_NODE]
    if policy.trunk == 0 and policy.budget == 0:
        return [0, roots.answer, 0, 0, 0, NO_NODE]
    return [begin, roots.think, begin, UNENDED, 0, NO_NODE]


@dataclass(frozen=True, slots=True)
class Rules:
    """Parameters of R rows, and what is common to all of them.

    Attributes:
        table_RP: int32 rows of `parameters`.
        tables: the nodes of all formats.
        sentence_ends_V: bool, whether a token id ends a sentence; None if no row has a landing window.
    """

    table_RP: torch.Tensor
    tables: Tables
    sentence_ends_V: torch.Tensor | None

    def column(self, index: int) -> torch.Tensor:
        """Return one parameter, shape (R, 1)."""
        return self.table_RP[:, index : index + 1]


def advance(
    rules: Rules, state_R6: torch.Tensor, counts_R1: torch.Tensor, window: int, read: ReadTokens
) -> torch.Tensor:
    """Scan up to `window` tokens, no further than `counts_R1`; return the states after them."""
    for _ in range(window):
        state_R6 = _scan_token(rules, state_R6, counts_R1, read)
    return state_R6


def catch_up(
    rules: Rules, state_R6: torch.Tensor, counts_R1: torch.Tensor, window: int, read: ReadTokens
) -> torch.Tensor:
    """Scan a window of any length: what changes nothing is passed over at once, the rest scanned by the token."""
    while window > MAX_WINDOW:
        state_R6 = _pass_over(rules, state_R6, counts_R1, min(window, PASSED_AT_ONCE), read)
        state_R6 = advance(rules, state_R6, counts_R1, STEP_AFTER, read)
        window = _left(rules, state_R6, counts_R1)
    return advance(rules, state_R6, counts_R1, window, read)


def _left(rules: Rules, state_R6: torch.Tensor, counts_R1: torch.Tensor) -> int:
    """Tokens that a scan has still to look at, at the most. Where the model has ended its thinking, none can matter."""
    over_R1 = _at(rules.tables.kinds_N, state_R6[:, NODE : NODE + 1]) == DONE
    return int((counts_R1 - state_R6[:, SCANNED : SCANNED + 1]).masked_fill(over_R1, 0).max())


def _pass_over(
    rules: Rules, state_R6: torch.Tensor, counts_R1: torch.Tensor, window: int, read: ReadTokens
) -> torch.Tensor:
    """Scan up to `window` tokens as far as they leave their request where it stands.

    Dimension W: the tokens of the window.
    """
    scanned_R1, node_R1, kept_R1, ended_R1, offset_R1, completing_R1 = _columns(state_R6)
    kind_R1 = _at(rules.tables.kinds_N, node_R1)
    thinks_R1 = kind_R1 == THINK
    count_RW = scanned_R1 + 1 + torch.arange(window, dtype=torch.int32, device=state_R6.device)
    token_RW = read(rules.column(START).long() + count_RW - 1).long()
    entry_RW = _entries_at(rules.tables, node_R1, token_RW)
    leads_on_RW = (entry_RW >> NODE_SHIFT) != node_R1
    outside_RW = ((entry_RW & STANDING_BITS) == Standing.OUTSIDE) & ((entry_RW & COMPLETES_BIT) == 0)
    matters_RW = torch.where(thinks_R1, leads_on_RW | ~outside_RW | _is_due(rules, count_RW, token_RW), leads_on_RW)
    scripted_RW = (kind_R1 == ANSWER) & (count_RW <= ended_R1 + rules.column(SCRIPT_LENGTH) - offset_R1)
    passes_RW = ((kind_R1 == DONE) | scripted_RW | ~matters_RW) & (count_RW <= counts_R1)
    passed_R1 = passes_RW.to(torch.int32).cumprod(dim=1, dtype=torch.int32).sum(dim=1, keepdim=True, dtype=torch.int32)
    reached_R1 = scanned_R1 + passed_R1
    kept_R1 = torch.where(thinks_R1 & (passed_R1 > 0), reached_R1, kept_R1)
    return torch.cat((reached_R1, node_R1, kept_R1, ended_R1, offset_R1, completing_R1), dim=1)


def _scan_token(rules: Rules, state_R6: torch.Tensor, counts_R1: torch.Tensor, read: ReadTokens) -> torch.Tensor:
    scanned_R1, node_R1, kept_R1, ended_R1, offset_R1, completing_R1 = _columns(state_R6)
    count_R1, kind_R1 = scanned_R1 + 1, _at(rules.tables.kinds_N, node_R1)
    live_R1 = count_R1 <= counts_R1
    token_R1 = read(rules.column(START).long() + count_R1 - 1).long()
    entry_R1 = _entries_at(rules.tables, node_R1, token_R1)
    target_R1, standing_R1 = entry_R1 >> NODE_SHIFT, entry_R1 & STANDING_BITS

    thinks_R1 = live_R1 & (kind_R1 == THINK)
    answers_R1 = live_R1 & (kind_R1 == ANSWER) & (count_R1 > ended_R1 + rules.column(SCRIPT_LENGTH) - offset_R1)
    moves_R1 = thinks_R1 | answers_R1 | (live_R1 & (kind_R1 == HEADER))
    # Only a trunk that went on past its own end holds a whole marker: there it is thinking.
    passed_R1 = thinks_R1 & ((entry_R1 & COMPLETES_BIT) != 0) & (count_R1 <= rules.column(TRUNK))
    target_R1 = torch.where(passed_R1, rules.column(THINK_ROOT), target_R1)
    all_kept_R1 = thinks_R1 & ((standing_R1 == Standing.OUTSIDE) | passed_R1)
    kept_R1 = torch.where(thinks_R1 & (standing_R1 == Standing.BEGINS), count_R1 - 1, kept_R1)
    kept_R1 = torch.where(all_kept_R1, count_R1, kept_R1)
    node_R1 = torch.where(moves_R1, target_R1, node_R1)

    now_R1 = _at(rules.tables.kinds_N, node_R1)
    natural_R1 = moves_R1 & (now_R1 == DONE)
    cut_R1 = thinks_R1 & (now_R1 == THINK) & _is_due(rules, count_R1, token_R1)
    completes_R1 = cut_R1 & _at(rules.tables.begun_N, node_R1) & (kept_R1 >= rules.column(MIN_BUDGET))
    after_R1 = torch.where(_at(rules.tables.completion_closes_N, node_R1), rules.column(CLOSING), 0)
    rest_R1 = after_R1 - _at(rules.tables.completion_lengths_N, node_R1)
    offset_R1 = torch.where(natural_R1, rules.column(CLOSING), offset_R1)
    offset_R1 = torch.where(cut_R1, torch.where(completes_R1, rest_R1, 0), offset_R1)
    return torch.cat(
        (
            torch.where(live_R1, count_R1, scanned_R1),
            torch.where(cut_R1, rules.column(ANSWER_ROOT), node_R1),
            kept_R1,
            torch.where(natural_R1 | cut_R1, count_R1, ended_R1),
            offset_R1,
            torch.where(completes_R1, node_R1, completing_R1),
        ),
        dim=1,
    )


def force(rules: Rules, state_R6: torch.Tensor, counts_R1: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return (R, 1): the token to force, and whether one is forced."""
    _, _, _, ended_R1, offset_R1, completing_R1 = _columns(state_R6)
    since_R1 = counts_R1 - ended_R1
    step_R1 = offset_R1 + since_R1
    forced_R1 = (ended_R1 != UNENDED) & (step_R1 < rules.column(SCRIPT_LENGTH))
    scripted_R1 = rules.table_RP.gather(1, SCRIPT_AT + step_R1.clamp(0, MAX_SCRIPT - 1).long())
    node_R1, tables = completing_R1.clamp(min=0), rules.tables
    in_marker_R1 = (completing_R1 != NO_NODE) & (since_R1 < _at(tables.completion_lengths_N, node_R1))
    width = tables.completion_NC.shape[1]
    marker_R1 = _at(tables.completion_NC.view(-1), node_R1.long() * width + since_R1.clamp(0, width - 1).long())
    return torch.where(in_marker_R1, marker_R1, scripted_R1), forced_R1


def forbid(rules: Rules, state_R6: torch.Tensor, counts_R1: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Return what is forbidden: (R, V) whether a token is for what it completes, (R, E) end-of-sequence ids or -1."""
    _, node_R1, kept_R1, ended_R1, offset_R1, _ = _columns(state_R6)
    kind_R1 = _at(rules.tables.kinds_N, node_R1)
    early_R1 = (kind_R1 == THINK) & (kept_R1 < rules.column(MIN_BUDGET))
    scripted_R1 = counts_R1 < ended_R1 + rules.column(SCRIPT_LENGTH) - offset_R1
    guarded_R1 = (kind_R1 == ANSWER) & ~scripted_R1
    completing_RV = (rules.tables.entries_NV[node_R1.squeeze(1).long()] & COMPLETES_BIT) != 0
    eos_RE = torch.where(early_R1, rules.table_RP[:, EOS_AT : EOS_AT + MAX_EOS], NO_TOKEN)
    return completing_RV & (early_R1 | guarded_R1), eos_RE


def _is_due(rules: Rules, count_R1: torch.Tensor, last_R1: torch.Tensor) -> torch.Tensor:
    due_R1 = count_R1 >= rules.column(BUDGET)
    if rules.sentence_ends_V is not None:
        sentence_R1 = rules.sentence_ends_V[last_R1.clamp(0, len(rules.sentence_ends_V) - 1)]
        inside_R1 = rules.column(BUDGET) - count_R1 <= rules.column(LANDING)
        due_R1 = due_R1 | (sentence_R1 & inside_R1 & (count_R1 >= rules.column(MIN_BUDGET)))
    return due_R1 & (count_R1 >= rules.column(TRUNK))


def _columns(state_R6: torch.Tensor) -> tuple[torch.Tensor, ...]:
    """The columns of a state, each (R, 1)."""
    return tuple(state_R6[:, index : index + 1] for index in range(state_R6.shape[1]))


def _entries_at(tables: Tables, node_R1: torch.Tensor, token_R1: torch.Tensor) -> torch.Tensor:
    """The moves of one token each, as int32."""
    size = tables.entries_NV.shape[1]
    return _at(tables.entries_NV.view(-1), node_R1.long() * size + token_R1.clamp(0, size - 1)).to(torch.int32)


def _at(values_N: torch.Tensor, index_R1: torch.Tensor) -> torch.Tensor:
    return values_N[index_R1.long()]
