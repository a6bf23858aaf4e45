# ruff: noqa: E501  (a line break is part of a template)
"""Chat templates in the shapes of the families', made by hand: each has the traits that matter, and little else."""

from dataclasses import dataclass

from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import PreTrainedTokenizerFast

from anytime_server.engines.hf_tokenizer import HFTokenizer

CHATML = ("<|im_start|>", "<|im_end|>")
THINK = ("<think>", "</think>")
LAST_USER = """
{%- set ns = namespace(last=-1) %}
{%- for m in messages %}{% if m.role == 'user' %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}"""
"""The place of the last user's turn: families keep the thinking after it."""


@dataclass(frozen=True)
class Family:
    """A family's template and tokens, and what is right for it.

    `end` and `direct` are the ends of its prompts with and without thinking (None: it has no prompt without);
    `takes_tools`, `keeps_thinking` (between tool calls) and `takes_system` tell what its template has a place for, and
    `shows_thinking` whether it gives a sign that the model thinks.
    """

    preset: str
    template: str
    end: str
    direct: str | None = None
    special: tuple[str, ...] = CHATML
    plain: tuple[str, ...] = THINK
    takes_tools: bool = True
    keeps_thinking: bool = True
    takes_system: bool = True
    shows_thinking: bool = True

    def tokenizer(self) -> HFTokenizer:
        """Bytes, the special tokens, and the plain ones, which are single tokens but not special."""
        alphabet = sorted(pre_tokenizers.ByteLevel.alphabet())
        backend = Tokenizer(models.BPE(vocab={symbol: index for index, symbol in enumerate(alphabet)}, merges=[]))
        backend.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
        backend.decoder = decoders.ByteLevel()
        inner = PreTrainedTokenizerFast(tokenizer_object=backend, eos_token="<eos>", bos_token="<bos>")
        inner.add_special_tokens({"additional_special_tokens": list(self.special)})
        inner.add_tokens([AddedToken(text, special=False, normalized=False) for text in self.plain])
        inner.chat_template = self.template
        return HFTokenizer(inner)


def chatml(system: str, end: str, *, tools: str = "tools", calls: str = "", keeps: str = "think") -> str:
    """Turns between `<|im_start|>` and `<|im_end|>`; `system` is how the family takes system messages."""
    thinking = {
        "think": "{% if m.reasoning_content and loop.index0 > ns.last %}<think>\n{{ m.reasoning_content }}\n</think>\n\n{% endif %}",
        "": "",
    }[keeps]
    return (
        f"{{%- if {tools} %}}<|im_start|>system\n# Tools\n{{% for t in {tools} %}}{{{{ t | tojson }}}}\n{{% endfor %}}"
        f"<|im_end|>\n{{% endif %}}{LAST_USER}{system}"
        "{%- for m in messages %}{% if m.role == 'user' %}<|im_start|>user\n{{ m.content }}<|im_end|>\n"
        "{% elif m.role == 'tool' %}<|im_start|>user\n<tool_response>\n{{ m.content }}\n</tool_response><|im_end|>\n"
        f"{{% elif m.role == 'assistant' %}}<|im_start|>assistant\n{thinking}{{{{ m.content }}}}{calls or JSON_CALLS}"
        f"<|im_end|>\n{{% endif %}}{{% endfor %}}<|im_start|>assistant\n{end}"
    )


JSON_CALLS = """{% for c in m.tool_calls or [] %}
<tool_call>
{"name": "{{ c.function.name }}", "arguments": {{ c.function.arguments | tojson }}}
</tool_call>{% endfor %}"""
EVERY_SYSTEM = "{% for m in messages %}{% if m.role == 'system' %}<|im_start|>system\n{{ m.content }}<|im_end|>\n{% endif %}{% endfor %}"
FIRST_SYSTEM = (
    "{% if messages[0].role == 'system' %}<|im_start|>system\n{{ messages[0].content }}<|im_end|>\n{% endif %}"
)
SYSTEM_AT_THE_BEGINNING = (
    "{% for m in messages %}{% if m.role == 'system' and not loop.first %}"
    "{{ raise_exception('System message must be at the beginning.') }}"
    "{% elif m.role not in ('system', 'user', 'assistant', 'tool') %}{{ raise_exception('Unexpected role.') }}"
    "{% endif %}{% endfor %}" + FIRST_SYSTEM
)
CLOSED = "{% if enable_thinking is defined and enable_thinking is false %}<think>\n\n</think>\n\n{% endif %}"

R1 = """{{ bos_token }}
{%- set ns = namespace(system='', is_tool=false) %}
{%- for m in messages %}{% if m.role == 'system' %}{% set ns.system = m.content %}{% endif %}{% endfor %}{{ ns.system }}
{%- for m in messages %}
{%- if m.role == 'user' %}<｜User｜>{{ m.content }}
{%- elif m.role == 'assistant' %}<｜Assistant｜>{{ m.content.split('</think>')[-1] }}<｜end▁of▁sentence｜>
{%- endif %}{%- endfor %}{{ '<｜Assistant｜><think>\n' }}"""
DEEPSEEK_V31 = """
{%- if thinking is not defined %}{% set thinking = false %}{% endif %}
{%- set ns = namespace(system='') %}
{%- for m in messages %}{% if m.role == 'system' %}{% set ns.system = ns.system + m.content + '\n\n' %}{% endif %}{% endfor %}
{{- bos_token + ns.system }}
{%- for m in messages %}
{%- if m.role == 'user' %}{{ '<｜User｜>' + m.content }}
{%- elif m.role == 'assistant' %}{{ '<｜Assistant｜></think>' + m.content }}
{%- for c in m.tool_calls or [] %}{{ '<｜tool▁call▁begin｜>' + c.function.name + '<｜tool▁sep｜>' + c.function.arguments }}{% endfor %}
{{- '<｜end▁of▁sentence｜>' }}
{%- elif m.role == 'tool' %}{{ '<｜tool▁output▁begin｜>' + m.content + '<｜tool▁output▁end｜>' }}
{%- endif %}{%- endfor %}
{{- '<｜Assistant｜>' }}{{ '<think>' if thinking else '</think>' }}"""
HARMONY = """<|start|>system<|message|>Reasoning: {{ reasoning_effort if reasoning_effort is defined else 'medium' }}<|end|>
{%- set rest = messages %}
{%- if messages[0].role in ('system', 'developer') %}{% set rest = messages[1:] %}{% endif %}
{%- if rest | length < messages | length or tools %}<|start|>developer<|message|>
{%- if rest | length < messages | length %}{{ messages[0].content }}{% endif %}
{%- for t in tools or [] %}
type {{ t.function.name }} = (_: any) => any;{% endfor %}<|end|>{% endif %}
{%- set last = namespace(name=none) %}
{%- for m in rest %}
{%- if m.role == 'user' %}<|start|>user<|message|>{{ m.content }}<|end|>
{%- elif m.role == 'tool' %}<|start|>functions.{{ last.name }} to=assistant<|channel|>commentary<|message|>{{ m.content | tojson }}<|end|>
{%- elif m.role == 'assistant' and m.tool_calls %}
{%- if m.content and m.thinking %}{{ raise_exception('Cannot pass both content and thinking!') }}{% endif %}
{%- if m.content or m.thinking %}<|start|>assistant<|channel|>analysis<|message|>{{ m.content or m.thinking }}<|end|>{% endif %}
{%- set call = m.tool_calls[0].function %}{% set last.name = call.name %}
{{- '<|start|>assistant to=functions.' + call.name }}<|channel|>commentary json<|message|>{{ call.arguments | tojson }}<|call|>
{%- elif m.role == 'assistant' %}<|start|>assistant<|channel|>final<|message|>{{ m.content }}<|end|>
{%- endif %}{%- endfor %}<|start|>assistant"""
MINISTRAL = """
{%- set rest = messages %}
{%- if messages[0].role == 'system' %}[SYSTEM_PROMPT]{{ messages[0].content }}[/SYSTEM_PROMPT]{% set rest = messages[1:] %}
{%- else %}[SYSTEM_PROMPT]First draft your thinking between [THINK] and [/THINK].[/SYSTEM_PROMPT]{% endif %}
{%- if tools %}[AVAILABLE_TOOLS]{{ tools | tojson }}[/AVAILABLE_TOOLS]{% endif %}
{%- set ns = namespace(i=0) %}
{%- for m in rest %}
{%- if m.role == 'user' or (m.role == 'assistant' and not m.tool_calls) %}
{%- if (m.role == 'user') != (ns.i % 2 == 0) %}{{ raise_exception('roles must alternate') }}{% endif %}{% set ns.i = ns.i + 1 %}
{%- endif %}
{%- if m.role == 'user' %}[INST]{{ m.content }}[/INST]
{%- elif m.role == 'assistant' %}
{%- if m.content is string %}{{ m.content }}{% else %}{% for block in m.content %}
{%- if block.type == 'thinking' %}[THINK]{{ block.thinking }}[/THINK]{% else %}{{ block.text }}{% endif %}{% endfor %}{% endif %}
{%- for c in m.tool_calls or [] %}[TOOL_CALLS]{{ c.function.name }}[ARGS]{{ c.function.arguments | tojson }}{% endfor %}{{ eos_token }}
{%- elif m.role == 'tool' %}[TOOL_RESULTS]{{ m.content }}[/TOOL_RESULTS]
{%- else %}{{ raise_exception('Only user, assistant and tool roles are supported.') }}
{%- endif %}{%- endfor %}"""
SEED_OSS = """
{%- if thinking_budget is not defined %}{% set thinking_budget = -1 %}{% endif %}
{%- for t in tools or [] %}<seed:bos>system
def {{ t.function.name }}():<seed:eos>{% endfor %}
{%- if thinking_budget == 0 %}<seed:bos>system
Your thinking budget is 0.<seed:eos>
{%- elif thinking_budget != -1 %}<seed:bos>system
Think within {{ thinking_budget }} tokens.<seed:eos>{% endif %}
{%- for m in messages %}<seed:bos>{{ m.role }}
{% if m.reasoning_content %}<seed:think>{{ m.reasoning_content | trim }}</seed:think>{% endif %}{{ m.content }}
{%- for c in m.tool_calls or [] %}<seed:tool_call><function={{ c.function.name }}>
{%- for key, value in c.function.arguments | items %}<parameter={{ key }}>{{ value }}</parameter>{% endfor %}</function></seed:tool_call>
{%- endfor %}<seed:eos>{% endfor %}<seed:bos>assistant
{% if thinking_budget == 0 %}<seed:think><seed:cot_budget_reflect>{% endif %}"""
GLM_TOOLS = "[gMASK]<sop>{% if tools %}<|system|>\n{% for t in tools %}{{ t | tojson }}{% endfor %}{% endif %}"
GLM = (
    GLM_TOOLS
    + LAST_USER
    + """
{%- for m in messages %}
{%- if m.role == 'user' %}<|user|>
{{ m.content }}{{ '/nothink' if enable_thinking is defined and not enable_thinking else '' }}
{%- elif m.role == 'assistant' %}<|assistant|>
{%- if m.reasoning_content and loop.index0 > ns.last %}{{ '\n<think>' + m.reasoning_content.strip() + '</think>' }}
{%- else %}{{ '\n<think></think>' }}{% endif %}
{{ m.content.strip() }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }}{% endfor %}
{%- elif m.role == 'tool' %}<|observation|>
{{ m.content }}
{%- elif m.role == 'system' %}<|system|>
{{ m.content }}
{%- endif %}{%- endfor %}<|assistant|>{{ '\n<think></think>' if enable_thinking is defined and not enable_thinking else '' }}"""
)
GLM_47 = (
    GLM_TOOLS
    + LAST_USER
    + """
{%- for m in messages %}
{%- if m.role == 'assistant' %}<|assistant|>
{%- if m.reasoning_content and loop.index0 > ns.last %}{{ '<think>' + m.reasoning_content.strip() }}{% endif %}{{ '</think>' }}
{{- m.content.strip() }}{% for c in m.tool_calls or [] %}<tool_call>{{ c.function.name }}{% endfor %}
{%- elif m.role == 'tool' %}<|observation|>{{ m.content }}
{%- else %}<|{{ m.role }}|>{{ m.content }}
{%- endif %}{%- endfor %}<|assistant|>{{ '</think>' if enable_thinking is defined and not enable_thinking else '<think>' }}"""
)
KIMI = """
{%- set ns = namespace(last=-1) %}
{%- for m in messages %}{% if m.role == 'assistant' and not m.tool_calls %}{% set ns.last = loop.index0 %}{% endif %}{% endfor %}
{%- if tools %}<|im_system|>tool_declare<|im_middle|>{{ tools | tojson }}<|im_end|>{% endif %}
{%- for m in messages %}
{%- if m.role == 'user' %}<|im_user|>user<|im_middle|>{{ m.content }}
{%- elif m.role == 'assistant' %}<|im_assistant|>assistant<|im_middle|><think>
{{- m.reasoning_content if m.reasoning_content and loop.index0 > ns.last else '' }}</think>{{ m.content }}
{%- for c in m.tool_calls or [] %}<|tool_call_begin|>{{ c.id }}<|tool_call_argument_begin|>{{ c.function.arguments | tojson }}{% endfor %}
{%- else %}<|im_system|>{{ m.role }}<|im_middle|>{{ m.content }}
{%- endif %}<|im_end|>{%- endfor %}<|im_assistant|>assistant<|im_middle|>"""
GRANITE = """
{%- set rest = messages %}
{%- if messages[0].role == 'system' %}{% set text = messages[0].content %}{% set rest = messages[1:] %}
{%- else %}{% set text = 'You are Granite.' %}
{%- if thinking %}{% set text = text + ' Write your thoughts between <think></think> and the answer between <response></response>.' %}{% endif %}
{%- endif %}<|start_of_role|>system<|end_of_role|>{{ text }}<|end_of_text|>
{%- if tools %}<|start_of_role|>available_tools<|end_of_role|>{{ tools | tojson }}<|end_of_text|>{% endif %}
{%- for m in rest %}<|start_of_role|>{{ m.role }}<|end_of_role|>{{ m.content }}
{%- for c in m.tool_calls or [] %}<|tool_call|>{{ c.function.name }}{% endfor %}<|end_of_text|>
{% endfor %}<|start_of_role|>assistant<|end_of_role|>"""
HUNYUAN = """
{%- for m in messages %}
{%- if m.role == 'system' and loop.first %}<|startoftext|>{{ m.content }}<|extra_4|>
{%- elif m.role == 'user' %}<|startoftext|>{{ '/no_think ' if enable_thinking is defined and not enable_thinking else '' }}{{ m.content }}<|extra_0|>
{%- elif m.role == 'assistant' %}{{ m.content.split('</think>')[-1].split('<answer>')[-1].split('</answer>')[0] }}<|eos|>
{%- endif %}{%- endfor %}"""
OLMO = """
{%- for m in messages %}<|im_start|>{{ m.role }}
{{ m.content }}<|im_end|>
{% endfor %}<|im_start|>assistant
<think>"""
EXAONE_DEEP = """
{%- for m in messages %}[|{{ m.role }}|]{{ m.content.split('</thought>')[-1] }}[|endofturn|]
{% endfor %}{{ '[|assistant|]<thought>\n' }}"""
GEMMA4 = (
    """
{%- set rest = messages %}
{%- if enable_thinking or tools or messages[0].role in ('system', 'developer') %}<|turn>system
{% if enable_thinking %}<|think|>
{% endif %}
{%- if messages[0].role in ('system', 'developer') %}{{ messages[0].content | trim }}{% set rest = messages[1:] %}{% endif %}
{%- for t in tools or [] %}<|tool>declaration:{{ t.function.name }}<tool|>{% endfor %}<turn|>
{% endif %}"""
    + LAST_USER
    + """
{%- for m in rest %}
{%- if m.role == 'tool' %}<|tool_response>response{value:{{ m.content }}}<tool_response|>
{%- else %}<|turn>{{ 'model' if m.role == 'assistant' else m.role }}
{% set thought = m.get('reasoning') or m.get('reasoning_content') %}
{%- if thought and m.tool_calls %}{{ '<|channel>thought\n' + thought + '\n<channel|>' }}{% endif %}
{%- for c in m.tool_calls or [] %}<|tool_call>call:{{ c.function.name }}<tool_call|>{% endfor %}{{ m.content | trim }}
{%- if not m.tool_calls %}<turn|>
{% endif %}{% endif %}{%- endfor %}
{%- if messages[-1].role == 'tool' %}{{ '<|channel>thought\n' if enable_thinking else '' }}{% else %}<|turn>model
{% endif %}"""
)
COMMAND_A = """<bos>
{%- if messages[0].role == 'system' %}<|START_OF_TURN_TOKEN|><|SYSTEM_TOKEN|>{{ messages[0].content }}<|END_OF_TURN_TOKEN|>{% endif %}
{%- for t in tools or [] %}{"name": "{{ t.function.name }}"}{% endfor %}
{%- for m in messages %}<|START_OF_TURN_TOKEN|>
{%- if m.role == 'user' %}<|USER_TOKEN|>{{ m.content }}
{%- elif m.role == 'assistant' and m.tool_calls %}<|CHATBOT_TOKEN|><|START_THINKING|>{{ m.reasoning_content }}<|END_THINKING|>
{%- for c in m.tool_calls %}{"tool_name": "{{ c.function.name }}"}{% endfor %}
{%- elif m.role == 'assistant' %}<|CHATBOT_TOKEN|><|START_RESPONSE|>{{ m.content }}<|END_RESPONSE|>
{%- elif m.role == 'tool' %}<|SYSTEM_TOKEN|>{{ m.content | tojson }}
{%- endif %}<|END_OF_TURN_TOKEN|>{%- endfor %}<|START_OF_TURN_TOKEN|><|CHATBOT_TOKEN|>
{%- if reasoning is defined and reasoning is false %}<|START_THINKING|><|END_THINKING|>{% endif %}"""
APERTUS = """
{%- for m in messages %}
{%- if m.role == 'system' %}<|system_start|>{{ m.content }}<|system_end|>
{%- elif m.role == 'user' %}<|user_start|>{{ m.content }}<|user_end|>
{%- elif m.role == 'assistant' %}<|assistant_start|>{{ m.content }}<|assistant_end|>
{%- endif %}{%- endfor %}<|developer_start|>Deliberation: {{ 'enabled' if enable_thinking else 'disabled' }}<|developer_end|><|assistant_start|>"""
SOLAR = """
{%- for m in messages %}
{%- if m.role == 'assistant' and m.reasoning_content %}<|begin|>assistant<|think|>{{ m.reasoning_content }}<|end|>{% endif %}
{{- '<|begin|>' + m.role + '<|content|>' + m.content + '<|end|>' }}
{%- endfor %}<|begin|>assistant"""
APRIEL = """
{%- for m in messages %}
{%- if m.role == 'system' %}<|begin_system|>
{{ m.content }}
{%- elif m.role == 'user' %}<|begin_user|>
{{ m.content }}
{%- elif m.role == 'assistant' %}<|begin_assistant|>
{{ m.content.split('[BEGIN FINAL RESPONSE]')[-1] }}
<|end|>
{%- endif %}{%- endfor %}
<|begin_assistant|>
{{ 'Here are my reasoning steps:\n' }}"""
PHI = """<|im_start|>system<|im_sep|>Structure your response as <think> {thought} </think> {solution}.<|im_end|>
{%- for m in messages %}{% if m.role in ('user', 'assistant') %}<|im_start|>{{ m.role }}<|im_sep|>{{ m.content }}<|im_end|>{% endif %}{% endfor %}
{{- '<|im_start|>assistant<|im_sep|>' }}"""
DEEPSEEK_V32 = """{{ bos_token }}
{%- if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}
{%- for t in tools or [] %}{{ t | tojson }}{% endfor %}
{%- for m in messages %}
{%- if m.role == 'user' %}<｜User｜>{{ m.content }}
{%- elif m.role == 'assistant' %}<｜Assistant｜>{{ '<think>' + m.reasoning_content if m.reasoning_content and m.tool_calls else '' }}</think>{{ m.content }}
{%- for c in m.tool_calls or [] %}<invoke name="{{ c.function.name }}">{{ c.function.arguments | tojson }}</invoke>{% endfor %}<｜end▁of▁sentence｜>
{%- elif m.role == 'tool' %}<function_results>{{ m.content }}</function_results>
{%- endif %}{%- endfor %}<｜Assistant｜>{{ '<think>' if thinking else '</think>' }}"""
MINIMAX = (
    "]~!b[]~b]system\n{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}"
    "{% for t in tools or [] %}<tool>{{ t.function | tojson }}</tool>{% endfor %}[e~[\n"
    + LAST_USER
    + """
{%- for m in messages %}
{%- if m.role == 'assistant' %}]~b]ai
{% if m.reasoning_content and loop.index0 > ns.last %}{{ '<think>\n' + m.reasoning_content + '\n</think>\n\n' }}{% endif %}{{ m.content }}
{%- for c in m.tool_calls or [] %}<invoke name="{{ c.function.name }}">{{ c.function.arguments | tojson }}</invoke>{% endfor %}[e~[
{% elif m.role in ('user', 'tool') %}]~b]{{ m.role }}
{{ m.content }}[e~[
{% endif %}{%- endfor %}]~b]ai
{{ '<think>\n' }}"""
)
MINIMAX_M3 = (
    "]~!b[]~b]system\n{% if messages[0].role == 'system' %}{{ messages[0].content }}{% endif %}"
    "{% for t in tools or [] %}<tool>{{ t.function | tojson }}</tool>{% endfor %}[e~[\n"
    + LAST_USER
    + """
{%- for m in messages %}
{%- if m.role == 'assistant' %}]~b]ai
{% if m.reasoning_content and loop.index0 > ns.last %}{{ '<mm:think>' + m.reasoning_content }}{% endif %}{{ '</mm:think>' + m.content }}
{%- for c in m.tool_calls or [] %}<invoke name="{{ c.function.name }}">{{ c.function.arguments | tojson }}</invoke>{% endfor %}[e~[
{% elif m.role in ('user', 'tool') %}]~b]{{ m.role }}
{{ m.content }}[e~[
{% endif %}{%- endfor %}]~b]ai
{% if thinking_mode == 'enabled' %}{{ '<mm:think>' }}{% elif thinking_mode == 'disabled' %}{{ '</mm:think>' }}{% endif %}"""
)
LFM25 = (
    "{% if messages[0].role == 'system' or tools %}<|im_start|>system\n"
    "{{ messages[0].content if messages[0].role == 'system' else '' }}"
    "{% if tools %}List of tools: {{ tools | tojson }}{% endif %}<|im_end|>\n{% endif %}"
    + LAST_USER
    + """
{%- for m in messages %}{% if m.role != 'system' %}<|im_start|>{{ m.role }}
{% set thinking = m.thinking %}
{%- if thinking and loop.index0 > ns.last %}<think>{{ thinking }}</think>{% endif %}{{ m.content }}
{%- for c in m.tool_calls or [] %}<|tool_call_start|>[{{ c.function.name }}()]<|tool_call_end|>{% endfor %}<|im_end|>
{% endif %}{% endfor %}<|im_start|>assistant
"""
)
KIMI_VL = """
{%- for m in messages %}<|im_{{ m.role }}|>{{ m.role }}<|im_middle|>{{ m.content }}<|im_end|>{% endfor %}<|im_assistant|>assistant<|im_middle|>"""
KIMI_K3 = """
{%- for m in messages %}<|open|>message role="{{ m.role }}"<|sep|>{{ m.content }}<|close|>message<|sep|>{% endfor %}
{{- '<|open|>message role="assistant"<|sep|>' }}{{ '<|open|>think<|sep|>' if thinking else '<|open|>response<|sep|>' }}"""
OPEN = "{{ '<think>\\n' }}"
DEEPSEEK = ("<｜User｜>", "<｜Assistant｜>", "<｜end▁of▁sentence｜>")
SYSTEM_FIRST_TOOLS = chatml(FIRST_SYSTEM, OPEN)
NEMOTRON_V2 = chatml(FIRST_SYSTEM, "{% if enable_thinking is false %}<think></think>{% else %}<think>\n{% endif %}")

FAMILIES: dict[str, Family] = {
    "qwen3": Family("qwen3", chatml(EVERY_SYSTEM, CLOSED), "assistant\n<think>\n", "<think>\n\n</think>\n\n"),
    "qwq": Family("qwen3", chatml(EVERY_SYSTEM, OPEN, keeps=""), "assistant\n<think>\n", keeps_thinking=False),
    "qwen3.5": Family(
        "qwen3",
        chatml(
            SYSTEM_AT_THE_BEGINNING,
            CLOSED + "{% if enable_thinking is not defined or enable_thinking %}<think>\n{% endif %}",
        ),
        "assistant\n<think>\n",
        "<think>\n\n</think>\n\n",
    ),
    "qwen3.5-small": Family(
        "qwen3",
        chatml(
            SYSTEM_AT_THE_BEGINNING, "{% if enable_thinking %}<think>\n{% else %}<think>\n\n</think>\n\n{% endif %}"
        ),
        "assistant\n<think>\n",
        "<think>\n\n</think>\n\n",
    ),
    "bielik": Family("qwen3", SYSTEM_FIRST_TOOLS, "assistant\n<think>\n"),
    "smollm3": Family(
        "qwen3",
        chatml(FIRST_SYSTEM, CLOSED, tools="xml_tools"),
        "assistant\n<think>\n",
        "<think>\n\n</think>\n\n",
    ),
    "nemotron-v2": Family("think-tags", NEMOTRON_V2, "assistant\n<think>\n", "<think></think>", special=(), plain=()),
    "nemotron-3": Family(
        "qwen3",
        chatml(FIRST_SYSTEM, "{% if enable_thinking %}{{ '<think>\\n' }}{% else %}<think></think>{% endif %}"),
        "assistant\n<think>\n",
        "<think></think>",
    ),
    "lfm2.5": Family("qwen3", LFM25, "assistant<think>\n"),
    "exaone-4": Family(
        "think-tags",
        chatml(EVERY_SYSTEM, CLOSED + "{% if enable_thinking %}{{ '<think>\\n' }}{% endif %}"),
        "assistant\n<think>\n",
        "<think>\n\n</think>\n\n",
        special=(),
    ),
    "deepseek-v3.2": Family(
        "deepseek-r1", DEEPSEEK_V32, "<｜Assistant｜><think>", "<｜Assistant｜></think>", special=DEEPSEEK
    ),
    "minimax-m2": Family("think-tags", MINIMAX, "]~b]ai\n<think>\n", special=("]~b]", "[e~[", "]~!b[")),
    "minimax-m3": Family(
        "minimax-m3",
        MINIMAX_M3,
        "]~b]ai\n<mm:think>",
        "]~b]ai\n</mm:think>",
        special=("]~b]", "[e~[", "]~!b["),
        plain=("<mm:think>", "</mm:think>"),
    ),
    "kimi-vl": Family(
        "kimi-vl",
        KIMI_VL,
        "<|im_middle|>◁think▷",
        special=("<|im_user|>", "<|im_assistant|>", "<|im_middle|>", "<|im_end|>", "◁think▷", "◁/think▷"),
        plain=(),
        takes_tools=False,
        keeps_thinking=False,
        shows_thinking=False,
    ),
    "kimi-k3": Family(
        "kimi-k3",
        KIMI_K3,
        '<|open|>message role="assistant"<|sep|><|open|>think<|sep|>',
        '<|open|>message role="assistant"<|sep|><|open|>response<|sep|>',
        special=("<|open|>", "<|close|>", "<|sep|>"),
        plain=(),
        takes_tools=False,
        keeps_thinking=False,
    ),
    "phi-4-reasoning": Family(
        "qwen3", PHI, "<|im_sep|><think>\n", takes_tools=False, keeps_thinking=False, takes_system=False
    ),
    "r1-distill": Family(
        "deepseek-r1", R1, "<｜Assistant｜><think>\n", special=DEEPSEEK, takes_tools=False, keeps_thinking=False
    ),
    "deepseek-v3.1": Family(
        "deepseek-r1",
        DEEPSEEK_V31,
        "<｜Assistant｜><think>",
        "<｜Assistant｜></think>",
        special=DEEPSEEK,
        takes_tools=False,
        keeps_thinking=False,
    ),
    "gpt-oss": Family(
        "gpt-oss",
        HARMONY,
        "<|start|>assistant<|channel|>analysis<|message|>",
        special=("<|start|>", "<|end|>", "<|message|>", "<|channel|>", "<|call|>", "<|return|>"),
        plain=(),
    ),
    "ministral": Family(
        "magistral",
        MINISTRAL,
        "[/INST][THINK]",
        special=("[INST]", "[/INST]", "[THINK]", "[/THINK]", "[SYSTEM_PROMPT]", "[TOOL_CALLS]", "[ARGS]"),
        plain=(),
    ),
    "seed-oss": Family(
        "seed-oss",
        SEED_OSS,
        "<seed:bos>assistant\n<seed:think>",
        special=("<seed:bos>", "<seed:eos>", "<seed:think>", "</seed:think>", "<seed:cot_budget_reflect>"),
        plain=(),
    ),
    "glm": Family(
        "think-tags",
        GLM,
        "<|assistant|>\n<think>",
        "<|assistant|>\n<think></think>",
        special=("<|user|>", "<|assistant|>", "<|system|>", "<|observation|>", "[gMASK]", "<sop>"),
    ),
    "glm-4.7": Family(
        "think-tags",
        GLM_47,
        "<|assistant|><think>",
        "<|assistant|></think>",
        special=("<|user|>", "<|assistant|>", "<|system|>", "<|observation|>", "[gMASK]", "<sop>"),
    ),
    "kimi-k2-thinking": Family(
        "think-tags",
        KIMI,
        "<|im_middle|><think>",
        special=("<|im_user|>", "<|im_assistant|>", "<|im_system|>", "<|im_middle|>", "<|im_end|>"),
    ),
    "granite": Family(
        "granite",
        GRANITE,
        "assistant<|end_of_role|><think>\n",
        "assistant<|end_of_role|>",
        special=("<|start_of_role|>", "<|end_of_role|>", "<|end_of_text|>"),
        plain=(),
        keeps_thinking=False,
    ),
    "hunyuan": Family(
        "hunyuan",
        HUNYUAN,
        "<|extra_0|><think>\n",
        "<|extra_0|>",
        special=("<|startoftext|>", "<|extra_0|>", "<|extra_4|>", "<|eos|>"),
        plain=(),
        takes_tools=False,
        keeps_thinking=False,
    ),
    "olmo-3": Family(
        "think-tags", OLMO, "assistant\n<think>", special=(), plain=(), takes_tools=False, keeps_thinking=False
    ),
    "exaone-deep": Family(
        "exaone-deep",
        EXAONE_DEEP,
        "[|assistant|]<thought>\n",
        special=("[|user|]", "[|assistant|]", "[|system|]", "[|endofturn|]"),
        plain=(),
        takes_tools=False,
        keeps_thinking=False,
    ),
    "gemma4": Family(
        "gemma4",
        GEMMA4,
        "<|turn>model\n<|channel>thought\n",
        "<|turn>model\n",
        special=("<|turn>", "<turn|>", "<|channel>", "<channel|>", "<|think|>"),
        plain=(),
    ),
    "command-a": Family(
        "command-a",
        COMMAND_A,
        "<|CHATBOT_TOKEN|><|START_THINKING|>",
        "<|START_THINKING|><|END_THINKING|>",
        special=(
            "<|START_OF_TURN_TOKEN|>",
            "<|END_OF_TURN_TOKEN|>",
            "<|CHATBOT_TOKEN|>",
            "<|USER_TOKEN|>",
            "<|SYSTEM_TOKEN|>",
            "<|START_THINKING|>",
            "<|END_THINKING|>",
            "<|START_RESPONSE|>",
            "<|END_RESPONSE|>",
        ),
        plain=(),
    ),
    "apertus": Family(
        "apertus",
        APERTUS,
        "<|assistant_start|><|inner_prefix|>",
        "<|assistant_start|>",
        special=("<|assistant_start|>", "<|user_start|>", "<|inner_prefix|>", "<|inner_suffix|>"),
        plain=(),
        takes_tools=False,
        keeps_thinking=False,
    ),
    "solar-open": Family(
        "solar-open",
        SOLAR,
        "<|begin|>assistant<|think|>",
        special=("<|begin|>", "<|end|>", "<|think|>", "<|content|>"),
        plain=(),
        takes_tools=False,
        keeps_thinking=False,
    ),
    "apriel-1.6": Family(
        "apriel",
        APRIEL,
        "<|begin_assistant|>\nHere are my reasoning steps:\n",
        special=("<|begin_user|>", "<|begin_assistant|>", "<|begin_system|>", "<|end|>"),
        plain=(),
        takes_tools=False,
        keeps_thinking=False,
    ),
}

NEVER_THINKING: dict[str, Family] = {
    "qwen3-instruct": Family("qwen3", chatml(EVERY_SYSTEM, "", keeps=""), ""),
    "qwen3-coder": Family("qwen3", chatml(FIRST_SYSTEM, "", keeps="", calls="{{ m.tool_calls }}"), ""),
    "always-closed": Family("qwen3", chatml(EVERY_SYSTEM, "<think>\n\n</think>\n\n"), ""),
}
"""Vocabularies with think tags, and templates that open no thinking."""
