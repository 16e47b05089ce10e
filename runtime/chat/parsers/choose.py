"""Which family a model is of, told by its template: whoever wrote it wrote down how calls look."""

from __future__ import annotations

from collections.abc import Callable

from runtime.chat.parsers.family import Family


def _deepseek() -> Family:
    from runtime.chat.parsers.deepseek import FAMILY

    return FAMILY


def _mistral() -> Family:
    from runtime.chat.parsers.mistral import FAMILY

    return FAMILY


def _mistral_later() -> Family:
    from runtime.chat.parsers.mistral import LATER

    return LATER


def _deepseek_r1() -> Family:
    from runtime.chat.parsers.deepseek import BEFORE

    return BEFORE


def _harmony() -> Family:
    from runtime.chat.parsers.harmony import FAMILY

    return FAMILY


def _gemma() -> Family:
    from runtime.chat.parsers.gemma import FAMILY

    return FAMILY


def _function_gemma() -> Family:
    from runtime.chat.parsers.gemma import FUNCTION_GEMMA

    return FUNCTION_GEMMA


def _glm() -> Family:
    from runtime.chat.parsers.arguments import GLM

    return GLM


def _qwen_coder() -> Family:
    from runtime.chat.parsers.arguments import QWEN_CODER

    return QWEN_CODER


def _lfm2() -> Family:
    from runtime.chat.parsers.pythonic import FAMILY

    return FAMILY


def _hermes() -> Family:
    from runtime.chat.parsers.hermes import FAMILY

    return FAMILY


def _llama() -> Family:
    from runtime.chat.parsers.llama import FAMILY

    return FAMILY


def _generic() -> Family:
    from runtime.chat.parsers.generic import FAMILY

    return FAMILY


def _command_r() -> Family:
    from runtime.chat.parsers.tagged import COMMAND_R

    return COMMAND_R


def _phi() -> Family:
    from runtime.chat.parsers.tagged import PHI

    return PHI


def _granite() -> Family:
    from runtime.chat.parsers.tagged import GRANITE

    return GRANITE


def _functools() -> Family:
    from runtime.chat.parsers.tagged import FUNCTOOLS

    return FUNCTOOLS


_BY_TEMPLATE: tuple[tuple[tuple[str, ...], Callable[[], Family]], ...] = (
    (("<|channel|>", "<|message|>"), _harmony),
    (("<｜tool▁call▁begin｜>", "```json"), _deepseek_r1),
    (("<｜tool▁call▁begin｜>",), _deepseek),
    (("[TOOL_CALLS]", "[ARGS]"), _mistral_later),
    (("[TOOL_CALLS]",), _mistral),
    (("<|tool_call>", "<tool_call|>"), _gemma),
    (("<start_function_call>",), _function_gemma),
    (("<arg_key>", "<tool_call>"), _glm),
    (("<function=", "<parameter="), _qwen_coder),
    (("<|START_ACTION|>",), _command_r),
    (("<|tool_call_start|>",), _lfm2),
    (("<|/tool_call|>",), _phi),
    (("<|tool_call|>",), _granite),
    (("functools",), _functools),
    (("<tool_call>",), _hermes),
    (("<|python_tag|>",), _llama),
    (("<|start_header_id|>", "tools"), _llama),
)
"""What a template must contain, all of it; the first row that fits decides."""


def family_of(template: str) -> Family:
    """The family whose writing this template speaks of; the generic one if it speaks of none."""
    for signs, load in _BY_TEMPLATE:
        if all(sign in template for sign in signs):
            return load()
    return _generic()
