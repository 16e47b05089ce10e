"""Golden renderings. The templates are written here, in the manner of the families they are named for."""

from __future__ import annotations

import sys
import time
from datetime import datetime
from typing import Any

import pytest

from runtime.chat.template import FALLBACK_STOPS, RESERVED, ChatTemplate, Origin, TemplateError
from runtime.engine.core import ModelFacts

CHATML = """\
{% if tools %}<|im_start|>system
# Tools
{% for tool in tools %}
{{ tool | tojson }}
{% endfor %}
<|im_end|>
{% endif %}
{% for message in messages %}
<|im_start|>{{ message['role'] }}
{{ message['content'] | trim }}<|im_end|>
{% endfor %}
{% if add_generation_prompt %}
<|im_start|>assistant
{% if enable_thinking is defined and enable_thinking is false %}<think>

</think>

{% endif %}
{% endif %}
"""

LLAMA_3 = """\
{{- bos_token }}
{%- if messages[0]['role'] == 'system' %}
    {%- set system_message = messages[0]['content']|trim %}
    {%- set messages = messages[1:] %}
{%- else %}
    {%- set system_message = "" %}
{%- endif %}
{{- "<|start_header_id|>system<|end_header_id|>\\n\\n" }}
{{- "Today: " + strftime_now("%Y") + "\\n\\n" + system_message + "<|eot_id|>" }}
{%- for message in messages %}
    {{- '<|start_header_id|>' + message['role'] + '<|end_header_id|>\\n\\n'+ message['content'] | trim + '<|eot_id|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|start_header_id|>assistant<|end_header_id|>\\n\\n' }}
{%- endif %}
"""

MISTRAL = """\
{{- bos_token -}}
{%- set ns = namespace(system='') -%}
{%- for message in messages -%}
{%- if message.role == 'system' -%}
{%- set ns.system = message.content + '\\n\\n' -%}
{%- continue -%}
{%- endif -%}
{%- if message.role == 'user' -%}
[INST] {{ ns.system ~ message.content }} [/INST]
{%- set ns.system = '' -%}
{%- elif message.role == 'assistant' -%}
{% generation %} {{ message.content }}{{ eos_token }}{% endgeneration %}
{%- else -%}
{{ raise_exception('Only user and assistant roles are supported, with the exception of system') }}
{%- endif -%}
{%- endfor -%}
"""

SYSTEM = {"role": "system", "content": "Be brief."}
HELLO = {"role": "user", "content": "Hello <you> & me"}
HI = {"role": "assistant", "content": " Hi. "}
TOOL = {"type": "function", "function": {"name": "weather", "description": "It's <b>é</b>"}}


def template(source: str, **facts: Any) -> ChatTemplate:
    return ChatTemplate(source, Origin.MODEL, **{"bos_text": "<s>", "eos_text": "</s>", **facts})


def facts(chat_template: str | None) -> ModelFacts:
    return ModelFacts("m", "llama", "", 0, 0, 0, 0, 0, 1, chat_template, "<s>", "</s>", True, False, "fake")


def test_chatml() -> None:
    assert template(CHATML).render([SYSTEM, HELLO, HI, HELLO]) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n"
        "<|im_start|>user\nHello <you> & me<|im_end|>\n"
        "<|im_start|>assistant\nHi.<|im_end|>\n"
        "<|im_start|>user\nHello <you> & me<|im_end|>\n"
        "<|im_start|>assistant\n"
    )


def test_a_thinking_switch_reaches_the_template() -> None:
    answer = template(CHATML).render([HELLO], variables={"enable_thinking": False})
    assert answer.endswith("<|im_start|>assistant\n<think>\n\n</think>\n\n")
    assert template(CHATML).render([HELLO], variables={"enable_thinking": True}).endswith("assistant\n")


def test_no_generation_prompt_where_none_is_wanted() -> None:
    assert template(CHATML).render([HELLO], add_generation_prompt=False).endswith("me<|im_end|>\n")


def test_tools_are_json_without_html_escapes() -> None:
    answer = template(CHATML).render([HELLO], tools=[TOOL])
    assert (
        '# Tools\n{"type": "function", "function": {"name": "weather", "description": "It\'s <b>é</b>"}}\n<|im_end|>'
    ) in answer
    assert template(CHATML).mentions_tools
    assert not template(MISTRAL).mentions_tools


def test_llama_3() -> None:
    assert template(LLAMA_3).render([SYSTEM, HELLO, HI]) == (
        "<s><|start_header_id|>system<|end_header_id|>\n\n"
        f"Today: {datetime.now().year}\n\nBe brief.<|eot_id|>"
        "<|start_header_id|>user<|end_header_id|>\n\nHello <you> & me<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\nHi.<|eot_id|>"
        "<|start_header_id|>assistant<|end_header_id|>\n\n"
    )


def test_mistral() -> None:
    assert template(MISTRAL).render([SYSTEM, HELLO, HI, HELLO]) == (
        "<s>[INST] Be brief.\n\nHello <you> & me [/INST]  Hi. </s>[INST] Hello <you> & me [/INST]"
    )


def test_the_reason_a_template_gives_is_told() -> None:
    with pytest.raises(TemplateError, match="Only user and assistant roles are supported") as raised:
        template(MISTRAL).render([{"role": "tool", "content": "x"}])
    assert not raised.value.broken


@pytest.mark.parametrize(("adds_bos", "bos", "begins"), [(True, "<s>", "[INST]"), (False, "<s>", "<s>[INST]"),
    (True, "", "[INST]"), (False, "", "[INST]")])  # fmt: skip
def test_there_is_one_bos_whoever_adds_it(adds_bos: bool, bos: str, begins: str) -> None:
    assert template(MISTRAL, adds_bos=adds_bos, bos_text=bos).render([HELLO]).startswith(begins)


def test_only_one_bos_is_taken_away() -> None:
    assert template("{{ bos_token }}{{ bos_token }}x", adds_bos=True).render([HELLO]) == "<s>x"


def test_loop_controls_and_documents() -> None:
    source = "{% for d in documents %}{% if loop.index > 2 %}{% break %}{% endif %}{{ d.text }},{% endfor %}"
    assert template(source).render([], documents=[{"text": t} for t in "abcd"]) == "a,b,"


def test_tojson_takes_the_arguments_of_hugging_faces() -> None:
    source = "{{ messages[0] | tojson(indent=2, sort_keys=True) }}{{ 'é' | tojson(ensure_ascii=True) }}"
    assert template(source).render([{"b": 1, "a": 2}]) == '{\n  "a": 2,\n  "b": 1\n}"\\u00e9"'


def test_the_given_template_goes_before_the_models_own() -> None:
    given = ChatTemplate.of(facts(CHATML), given="{{ messages[0].content }}")
    assert given.origin is Origin.GIVEN
    assert given.render([HELLO]) == HELLO["content"]


@pytest.mark.parametrize("missing", [None, "", " \n"])
def test_without_any_template_the_fallback_says_it_is_one(missing: str | None) -> None:
    fallback = ChatTemplate.of(facts(missing))
    assert fallback.origin is Origin.FALLBACK
    assert fallback.stops == FALLBACK_STOPS
    assert fallback.render([SYSTEM, HELLO]) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello <you> & me<|im_end|>\n<|im_start|>assistant\n"
    )


def test_the_models_own_template_brings_no_stops() -> None:
    own = ChatTemplate.of(facts(CHATML))
    assert (own.origin, own.stops, own.adds_bos) == (Origin.MODEL, (), True)


@pytest.mark.parametrize("name", sorted(RESERVED))
def test_what_the_server_sets_cannot_be_replaced(name: str) -> None:
    with pytest.raises(TemplateError, match=name):
        template(CHATML).render([HELLO], variables={name: "x"})


# ── Hostile templates: an error every time, never a crash, and soon ─────────────────────────────────────────────

GROW = "{%% set ns = namespace(x='aaaaaaaa', l=[1]) %%}{%% for i in range(99) %%}%s{%% endfor %%}"

HOSTILE = {
    "reaches for a class": "{{ ''.__class__.__mro__[1].__subclasses__() }}",
    "reaches for globals": "{{ raise_exception.__globals__['os'] }}",
    "reaches through a filter": "{{ (messages|map(attribute='__class__')|list)[0].mro() }}",
    "reaches through attr": "{{ (''|attr('__class__')).mro() }}",
    "reaches through format": "{{ '{0.__class__.__mro__}'.format('') + 1 }}",
    "reaches the environment": "{{ self._TemplateReference__context.environment.globals }}",
    "changes what it is given": "{{ messages.append(1) }}",
    "includes a file": "{% include '/etc/passwd' %}",
    "imports": "{% import 'os' as os %}",
    "loops for hours": "{% for a in range(99999) %}{% for b in range(99999) %}{% endfor %}{% endfor %}",
    "ranges too far": "{% for a in range(10000000) %}{% endfor %}",
    "calls itself": "{% macro m() %}{{ m() }}{{ m() }}{% endmacro %}{{ m() }}",
    "recurses in a loop": "{% for m in messages recursive %}{{ loop(messages) }}{% endfor %}",
    "doubles with tilde": GROW % "{% set ns.x = ns.x ~ ns.x %}",
    "doubles with plus": GROW % "{% set ns.x = ns.x + ns.x %}",
    "doubles with times": GROW % "{% set ns.x = ns.x * 8 %}",
    "doubles with join": GROW % "{% set ns.x = [ns.x, ns.x]|join %}",
    "doubles with str.join": GROW % "{% set ns.x = ns.x.join([ns.x, ns.x, ns.x]) %}",
    "doubles with replace": GROW % "{% set ns.x = ns.x|replace('a', ns.x) %}",
    "doubles with str.replace": GROW % "{% set ns.x = ns.x.replace('a', ns.x) %}",
    "doubles with format": GROW % "{% set ns.x = '%s%s'|format(ns.x, ns.x) %}",
    "doubles with percent": GROW % "{% set ns.x = '%s%s' % (ns.x, ns.x) %}",
    "doubles with str.format": GROW % "{% set ns.x = '{0}{0}'.format(ns.x) %}",
    "doubles a list and prints it": (GROW % "{% set ns.l = [ns.l, ns.l] %}") + "{{ ns.l }}",
    "nests without end and tells it as json": (GROW % "{% set ns.l = [ns.l, ns.l] %}") + "{{ ns.l|tojson }}",
    "multiplies": "{{ 'a' * 99999999999 }}",
    "raises to a power": "{{ 9 ** 9999999 }}",
    "pads with a filter": "{{ 'a'|center(99999999999) }}",
    "pads with a method": "{{ 'a'.ljust(99999999999) }}",
    "indents": "{{ 'a\\nb'|indent(99999999999) }}",
    "formats wide": "{{ '%99999999999d'|format(1) }}",
    "formats wide from an argument": "{{ '%*d' % (99999999999, 1) }}",
    "formats wide with str.format": "{{ '{:99999999999d}'.format(1) }}",
    "formats wide with a nested width": "{{ '{:{}d}'.format(1, 99999999999) }}",
    "prints for ever": "{% for a in range(99999) %}{{ 'x' * 9999 }}{% endfor %}",
    "has no tojson": "{{ nothing|tojson }}",
}

BROKEN = {
    "unfinished": "{% if %}",
    "unknown tag": "{% run %}",
    "unknown filter": "{{ 1|exec }}",
    "deep in brackets": "{{ " + "(" * 5000 + ")" * 5000 + " }}",
    "deep in blocks": "{% if a %}" * 3000 + "{% endif %}" * 3000,
    "endless text": "x" * 600_000,
}


@pytest.mark.parametrize("source", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_template_is_an_error_and_not_a_crash(source: str) -> None:
    begin = time.monotonic()
    with pytest.raises(TemplateError) as raised:
        template(source).render([HELLO])
    assert time.monotonic() - begin < 15
    assert not raised.value.broken
    assert len(raised.value.message) < 500
    assert "\n" not in raised.value.message


@pytest.mark.parametrize("source", BROKEN.values(), ids=BROKEN.keys())
def test_a_template_that_is_none_is_broken_and_says_so(source: str) -> None:
    with pytest.raises(TemplateError, match="cannot be read") as raised:
        template(source).render([HELLO])
    assert raised.value.broken
    assert "--chat-template" in raised.value.remedy


def test_a_failed_rendering_does_not_spoil_the_next() -> None:
    spoilt = template("{% if messages|length > 1 %}{{ ''.__class__.x }}{% endif %}fine")
    with pytest.raises(TemplateError):
        spoilt.render([HELLO, HELLO])
    assert spoilt.render([HELLO]) == "fine"


def test_a_long_honest_conversation_is_rendered() -> None:
    turns = [HELLO, HI] * 2000
    begin = time.monotonic()
    assert template(CHATML).render(turns).count("<|im_end|>") == 4000
    assert template(CHATML).render([{"role": "user", "content": "word " * 400_000}])
    assert time.monotonic() - begin < 5


def test_importing_templates_does_not_import_jinja() -> None:
    import subprocess

    code = "import sys, runtime.chat.template; sys.exit('jinja2' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
