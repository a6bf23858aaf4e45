"""The forms in which model families write tool calls, by the names that vLLM's `--tool-call-parser` has for them."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Protocol

from anytime_server.api.openai.tools import readers
from anytime_server.api.openai.tools.blocks import BlockForm
from anytime_server.api.openai.tools.called import Offered, Piece
from anytime_server.api.openai.tools.channels import ChannelForm
from anytime_server.api.openai.tools.open_block import Block


class Parser(Protocol):
    """Splits one answer that arrives piece by piece."""

    def feed(self, text: str) -> Piece:
        """Take in more of the answer."""

    def finish(self, *, cut: bool = False) -> Piece:
        """Return what was held back; `cut` is whether the answer was ended before the model ended it."""


class Form(Protocol):
    """How a family writes its calls."""

    def parser(self, offered: Offered) -> Parser:
        """Return a parser of one answer by a model that was told of the tools `offered`."""


@dataclass(frozen=True, slots=True)
class Family:
    """A form, and what gives it away.

    Attributes:
        form: how calls are written.
        signs: texts of which a chat template that asks for this form spells all.
    """

    form: Form
    signs: tuple[str, ...]


TAGS = BlockForm((Block("<tool_call>", "</tool_call>", readers.read_any),))
TAGS_OR_FUNCTIONS = BlockForm((*TAGS.blocks, Block("<function=", "</function>", readers.read_function)))
DEEPSEEK = BlockForm(
    (Block("<｜tool▁call▁begin｜>", "<｜tool▁call▁end｜>", readers.read_deepseek),),
    frames=("<｜tool▁calls▁begin｜>", "<｜tool▁calls▁end｜>"),
)

FAMILIES: Mapping[str, Family] = {
    "openai": Family(ChannelForm(), ("<|channel|>", "<|message|>", "to=functions")),
    "minimax_m2": Family(
        BlockForm(
            (Block("<invoke name=", "</invoke>", readers.read_invoke),),
            frames=("<minimax:tool_call>", "</minimax:tool_call>"),
        ),
        ("<minimax:tool_call>",),
    ),
    "seed_oss": Family(
        BlockForm(
            (Block("<function=", "</function>", readers.read_function),),
            frames=("<seed:tool_call>", "</seed:tool_call>"),
        ),
        ("<seed:tool_call>",),
    ),
    "deepseek_v32": Family(
        BlockForm(
            (Block("<｜DSML｜function_calls>", "</｜DSML｜function_calls>", readers.read_xml_calls),),
        ),
        ("｜DSML｜",),
    ),
    "deepseek_v31": Family(DEEPSEEK, ("<｜tool▁call▁begin｜>", "<｜tool▁sep｜>")),
    "deepseek_v3": Family(DEEPSEEK, ("<｜tool▁call▁begin｜>",)),
    "kimi_k2": Family(
        BlockForm(
            (Block("<|tool_call_begin|>", "<|tool_call_end|>", readers.read_kimi),),
            frames=("<|tool_calls_section_begin|>", "<|tool_calls_section_end|>"),
        ),
        ("<|tool_call_begin|>",),
    ),
    "mistral": Family(BlockForm((Block("[TOOL_CALLS]", None, readers.read_mistral),)), ("[TOOL_CALLS]",)),
    "lfm2": Family(
        BlockForm((Block("<|tool_call_start|>", "<|tool_call_end|>", readers.read_python_calls),)),
        ("<|tool_call_start|>",),
    ),
    "gemma4": Family(
        BlockForm((Block("<|tool_call>", "<tool_call|>", readers.read_gemma),)),
        ("<|tool_call>",),
    ),
    "granite": Family(
        BlockForm((Block("<|tool_call|>", None, readers.read_json_calls), *TAGS.blocks)),
        ("<|tool_call|>",),
    ),
    "command_a": Family(
        BlockForm((Block("<|START_ACTION|>", "<|END_ACTION|>", readers.read_json_calls),)),
        ("<|START_ACTION|>",),
    ),
    "nemotron_v2": Family(
        BlockForm((Block("<TOOLCALL>", "</TOOLCALL>", readers.read_json_calls),)),
        ("<TOOLCALL>",),
    ),
    "apertus": Family(
        BlockForm((Block("<|tools_prefix|>", "<|tools_suffix|>", readers.read_named_objects),)),
        ("<|tools_prefix|>",),
    ),
    "olmo3": Family(
        BlockForm((Block("<function_calls>", "</function_calls>", readers.read_python_calls),)),
        ("<function_calls>",),
    ),
    "step3": Family(
        BlockForm(
            (Block("<｜tool_call_begin｜>", "<｜tool_call_end｜>", readers.read_xml_calls),),
            frames=("<｜tool_calls_begin｜>", "<｜tool_calls_end｜>"),
        ),
        ("<steptml:",),
    ),
    "qwen3_coder": Family(TAGS_OR_FUNCTIONS, ("<tool_call>", "<function=")),
    "qwen3_xml": Family(TAGS_OR_FUNCTIONS, ("<tool_call>", "<function=")),
    "step3p5": Family(TAGS_OR_FUNCTIONS, ("<tool_call>", "<function=")),
    "glm45": Family(TAGS, ("<tool_call>", "<arg_key>")),
    "glm47": Family(TAGS, ("<tool_call>", "<arg_key>")),
    "hermes": Family(TAGS, ("<tool_call>",)),
    "hunyuan_a13b": Family(
        BlockForm((Block("<tool_calls>", "</tool_calls>", readers.read_json_calls),)),
        ("<tool_calls>",),
    ),
    "llama3_json": Family(
        BlockForm(
            (
                Block("<|python_tag|>", None, readers.read_json_calls),
                Block("", None, readers.read_offered_calls),
            )
        ),
        ('{"name": function name, "parameters":',),
    ),
    "pythonic": Family(BlockForm((Block("", None, readers.read_offered_python_calls),)), ("[func_name1(",)),
}
"""Families by name; of several whose signs a template shows, the first one is meant."""

DEFAULT = "hermes"
"""The form of a model whose template shows none."""
