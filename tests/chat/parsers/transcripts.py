"""What models of each family really write, and what it means. One row is one answer."""
# ruff: noqa: E501 - one row is one answer

from __future__ import annotations

from dataclasses import dataclass

from runtime.chat.parsers import arguments, deepseek, gemma, generic, harmony, hermes, llama, mistral, pythonic, tagged
from runtime.chat.parsers.family import Family

TOOLS = {
    "get_weather": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    "now": {"type": "object", "properties": {}},
}

Calls = tuple[tuple[str, str], ...]


@dataclass(frozen=True)
class Transcript:
    family: Family
    title: str
    text: str
    content: str = ""
    reasoning: str = ""
    calls: Calls = ()
    begun: str = ""
    tools: bool = True


ROME = ("get_weather", '{"city": "Rome"}')
NOW = ("now", "{}")
H = hermes.FAMILY
L = llama.FAMILY
M = mistral.FAMILY
D = deepseek.FAMILY
G = generic.FAMILY
P = pythonic.FAMILY
O = harmony.FAMILY  # noqa: E741
A = gemma.FAMILY
F = gemma.FUNCTION_GEMMA
Z = arguments.GLM
Q = arguments.QWEN_CODER
_CALL = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n</tool_call>'
_NOW = '<tool_call>\n{"name": "now", "arguments": {}}\n</tool_call>'
_V3 = '<｜tool▁call▁begin｜>get_weather<｜tool▁sep｜>{"city": "Rome"}<｜tool▁call▁end｜>'
_R1 = (
    "<｜tool▁calls▁begin｜><｜tool▁call▁begin｜>function<｜tool▁sep｜>get_weather\n"
    '```json\n{"city": "Rome"}\n```<｜tool▁call▁end｜><｜tool▁calls▁end｜>'
)

TRANSCRIPTS = (
    Transcript(H, "words only", "Hello there. \n", content="Hello there. \n"),
    Transcript(H, "nothing at all", ""),
    Transcript(H, "one call", _CALL, calls=(ROME,)),
    Transcript(H, "words, then two calls", f"Let me look.\n{_CALL}\n{_NOW}\n", content="Let me look.", calls=(ROME, NOW)),
    Transcript(H, "words after a call", f"{_CALL}\n\nDone.", content="Done.", calls=(ROME,)),
    Transcript(H, "a call that was cut", _CALL[:-16], calls=((ROME[0], '{"city": "Rome'),)),
    Transcript(H, "a call without its end tag", _CALL.removesuffix("</tool_call>"), calls=(ROME,)),
    Transcript(H, "a brace too few", _CALL.replace("}}", "}"), calls=(ROME,)),
    Transcript(H, "a brace too many", _CALL.replace("}}", "}}}"), calls=(ROME,)),
    Transcript(H, "arguments before the name", '<tool_call>{"arguments": {"city": "Rome"}, "name": "get_weather"}</tool_call>', calls=(ROME,)),
    Transcript(H, "arguments inside a string", '<tool_call>{"name": "get_weather", "arguments": "{\\"city\\": \\"Rome\\"}"}</tool_call>', calls=(ROME,)),
    Transcript(H, "no arguments", '<tool_call>{"name": "now"}</tool_call>', calls=(NOW,)),
    Transcript(H, "braces inside of strings", '<tool_call>{"name": "get_weather", "arguments": {"city": "}</tool_call>\\"{"}}</tool_call>', calls=(("get_weather", '{"city": "}</tool_call>\\"{"}'),)),
    Transcript(H, "several calls in one tag", '<tool_call>[{"name": "now", "arguments": {}}, {"name": "now"}]</tool_call>', calls=(NOW, NOW)),
    Transcript(H, "a tag that holds no call", "<tool_call>what is this</tool_call>", content="<tool_call>what is this</tool_call>"),
    Transcript(H, "an object without a name", '<tool_call>{"a": 1}</tool_call>', content='<tool_call>{"a": 1}</tool_call>'),
    Transcript(H, "almost a tag", "1 <tool_cal> 2 < 3", content="1 <tool_cal> 2 < 3"),
    Transcript(H, "no tools offered", _CALL, content=_CALL, tools=False),
    Transcript(H, "reasoning", "<think>\nHm.\n\nWell.\n</think>\n\nYes. ", content="Yes. ", reasoning="Hm.\n\nWell."),
    Transcript(H, "empty reasoning", "<think>\n\n</think>\n\nYes.", content="Yes."),
    Transcript(H, "reasoning and a call", f"<think>\nHm.\n</think>\n\n{_CALL}", reasoning="Hm.", calls=(ROME,)),
    Transcript(H, "reasoning the prompt began", "Hm.\n</think>\n\nYes.", content="Yes.", reasoning="Hm.", begun="<think>\n"),
    Transcript(H, "reasoning that was cut", "<think>\nHm, let me", reasoning="Hm, let me"),
    Transcript(H, "a tag in the middle is no reasoning", "Use <think> so.", content="Use <think> so."),
    Transcript(H, "spaces before words", "\n Yes.", content="\n Yes."),
    Transcript(L, "words only", "Hello.", content="Hello."),
    Transcript(L, "a bare call", '{"name": "get_weather", "parameters": {"city": "Rome"}}', calls=(ROME,)),
    Transcript(L, "with a type", '{"type": "function", "name": "get_weather", "parameters": {"city": "Rome"}}', calls=(ROME,)),
    Transcript(L, "OpenAI's nesting", '{"type": "function", "function": {"name": "get_weather", "parameters": {"city": "Rome"}}}', calls=(ROME,)),
    Transcript(L, "two with a semicolon", '{"name": "now", "parameters": {}}; {"name": "now", "parameters": {}}', calls=(NOW, NOW)),
    Transcript(L, "behind the tag", '<|python_tag|>{"name": "get_weather", "parameters": {"city": "Rome"}}', calls=(ROME,)),
    Transcript(L, "a built-in tool", '<|python_tag|>get_weather.call(city="Rome")', calls=(ROME,)),
    Transcript(L, "a function tag", 'So: <function=get_weather>{"city": "Rome"}</function>', content="So:", calls=(ROME,)),
    Transcript(L, "an answer in JSON", '{"answer": {"name": "now"}}', content='{"answer": {"name": "now"}}'),
    Transcript(L, "a tool nobody offered", '{"name": "rm", "parameters": {}}', content='{"name": "rm", "parameters": {}}'),
    Transcript(L, "no call behind the tag", "<|python_tag|>print(1)", content="<|python_tag|>print(1)"),
    Transcript(M, "words only", "Bonjour [1].", content="Bonjour [1]."),
    Transcript(M, "a list of calls", '[TOOL_CALLS][{"name": "get_weather", "arguments": {"city": "Rome"}, "id": "123456789"}, {"name": "now", "arguments": {}}]', calls=(ROME, NOW)),
    Transcript(M, "the later writing", '[TOOL_CALLS]get_weather[ARGS]{"city": "Rome"}[TOOL_CALLS]now[ARGS]{}', calls=(ROME, NOW)),
    Transcript(M, "with an id", '[TOOL_CALLS]get_weather[CALL_ID]abcdefghi[ARGS]{"city": "Rome"}', calls=(ROME,)),
    Transcript(M, "reasoning", "[THINK]Hm.[/THINK]Oui.", content="Oui.", reasoning="Hm."),
    Transcript(M, "a tag and nothing", "[TOOL_CALLS] what", content="[TOOL_CALLS] what"),
    Transcript(D, "words only", "Hello.", content="Hello."),
    Transcript(D, "V3.1", f"<｜tool▁calls▁begin｜>{_V3}{_V3}<｜tool▁calls▁end｜>", calls=(ROME, ROME)),
    Transcript(D, "R1", _R1, calls=(ROME,)),
    Transcript(D, "reasoning and words and a call", f"<think>Hm.</think>Let me see.{_R1}", content="Let me see.", reasoning="Hm.", calls=(ROME,)),
    Transcript(D, "reasoning the prompt began", f"Hm.\n</think>\n\n{_R1}", reasoning="Hm.", calls=(ROME,), begun="<think>"),
    Transcript(G, "a tagged call", _CALL, calls=(ROME,)),
    Transcript(G, "a bare call", '{"name": "get_weather", "arguments": {"city": "Rome"}}', calls=(ROME,)),
    Transcript(G, "a fenced call", '```json\n{"name": "get_weather", "arguments": {"city": "Rome"}}\n```', calls=(ROME,)),
    Transcript(G, "fenced code", "```python\nprint(1)\n```", content="```python\nprint(1)\n```"),
    Transcript(G, "fenced JSON", '```json\n{"name": "x"}\n```', content='```json\n{"name": "x"}\n```'),
    Transcript(P, "calls in Python", '<|tool_call_start|>[get_weather(city="Rome"), now()]<|tool_call_end|>Wait.', content="Wait.", calls=(ROME, NOW)),
    Transcript(P, "calls in JSON", '<|tool_call_start|>[{"name": "now", "arguments": {}}]<|tool_call_end|>', calls=(NOW,)),
    Transcript(P, "no plain values", "<|tool_call_start|>[now(x=open('y'))]<|tool_call_end|>", content="<|tool_call_start|>[now(x=open('y'))]<|tool_call_end|>"),
    Transcript(tagged.GRANITE, "a list", '<|tool_call|>[{"name": "get_weather", "arguments": {"city": "Rome"}}]', calls=(ROME,)),
    Transcript(tagged.PHI, "a list", '<|tool_call|>[{"name": "now", "arguments": {}}]<|/tool_call|>', calls=(NOW,)),
    Transcript(tagged.FUNCTOOLS, "a list", ' functools[{"name": "now", "arguments": {}}]', calls=(NOW,)),
    Transcript(tagged.COMMAND_R, "thinking and acting", '<|START_THINKING|>Hm.<|END_THINKING|><|START_ACTION|>[\n    {"tool_call_id": "0", "tool_name": "get_weather", "parameters": {"city": "Rome"}}\n]<|END_ACTION|>', reasoning="Hm.", calls=(ROME,)),
    Transcript(tagged.COMMAND_R, "a response", "<|START_RESPONSE|>Hi.<|END_RESPONSE|>", content="Hi."),
    Transcript(O, "thinking and words", "<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>final<|message|>Hello.<|return|>", content="Hello.", reasoning="Hm."),
    Transcript(O, "thinking and a call", '<|channel|>analysis<|message|>Hm.<|end|><|start|>assistant<|channel|>commentary to=functions.get_weather <|constrain|>json<|message|>{"city": "Rome"}<|call|>', reasoning="Hm.", calls=(ROME,)),
    Transcript(O, "the recipient before the channel", ' to=functions.get_weather<|channel|>commentary json<|message|>{"city": "Rome"}<|call|>', calls=(ROME,)),
    Transcript(O, "words before a call", '<|channel|>commentary<|message|>Let me look.<|end|><|start|>assistant<|channel|>commentary to=functions.now<|message|>{}<|call|>', content="Let me look.", calls=(NOW,)),
    Transcript(O, "words without a head", "Hello.", content="Hello."),
    Transcript(O, "reasoning the prompt began", "Hm.<|end|><|start|>assistant<|channel|>final<|message|>Yes.", content="Yes.", reasoning="Hm.", begun="<|channel|>analysis<|message|>"),
    Transcript(O, "thinking that was cut", "<|channel|>analysis<|message|>Hm, let", reasoning="Hm, let"),
    Transcript(A, "a call", '<|tool_call>call:get_weather{city:<|"|>Rome<|"|>}<tool_call|>', calls=(ROME,)),
    Transcript(A, "two calls and thinking", '<|channel>thought\nHm.<channel|><|tool_call>call:get_weather{city:<|"|>Rome<|"|>}<tool_call|><|tool_call>call:now{}<tool_call|>', reasoning="Hm.", calls=(ROME, NOW)),
    Transcript(A, "values of every kind", '<|tool_call>call:now{a:[1,<|"|>x: {y}, "z"<|"|>],b:{c:true,d:null}}<tool_call|>', calls=(("now", '{"a": [1, "x: {y}, \\"z\\""], "b": {"c": true, "d": null}}'),)),
    Transcript(A, "a tag and nothing", "<|tool_call>what", content="<|tool_call>what"),
    Transcript(F, "a call", "<start_function_call>call:get_weather{city:<escape>Rome<escape>}<end_function_call>", calls=(ROME,)),
    Transcript(F, "words", "I cannot do that.", content="I cannot do that."),
    Transcript(Z, "a call", "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Rome</arg_value>\n</tool_call>", calls=(ROME,)),
    Transcript(Z, "no arguments, after thinking", "\n<think>Hm.</think>\nSo.<tool_call>now\n</tool_call>", content="So.", reasoning="Hm.", calls=(NOW,)),
    Transcript(Z, "two calls on one line", "<tool_call>get_weather<arg_key>city</arg_key><arg_value>Rome</arg_value></tool_call><tool_call>now</tool_call>", calls=(ROME, NOW)),
    Transcript(Z, "a call that was cut", "<tool_call>get_weather\n<arg_key>city</arg_key>\n<arg_value>Ro", calls=(("get_weather", '{"city": "Ro'),)),
    Transcript(Z, "a tool nobody offered", "<tool_call>rm\n</tool_call>", content="<tool_call>rm\n</tool_call>"),
    Transcript(Q, "a call", "<tool_call>\n<function=get_weather>\n<parameter=city>\nRome\n</parameter>\n</function>\n</tool_call>", calls=(ROME,)),
    Transcript(Q, "the outer tag forgotten", "So:\n<function=now>\n</function>", content="So:", calls=(NOW,)),
    Transcript(Q, "values that are no strings", "<tool_call>\n<function=now>\n<parameter=count>\n3\n</parameter>\n<parameter=ok>\nTrue\n</parameter>\n</function>\n</tool_call>", calls=(("now", '{"count": "3", "ok": "True"}'),)),
    Transcript(Q, "code with quotes and lines", '<tool_call>\n<function=get_weather>\n<parameter=city>\na "b"\n<c>\n</parameter>\n</function>\n</tool_call>', calls=(("get_weather", '{"city": "a \\"b\\"\\n<c>"}'),)),
)  # fmt: skip
