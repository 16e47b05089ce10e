from bundler.demo.template import render

WEATHER = {
    "type": "function",
    "function": {
        "name": "get_weather",
        "description": "Get the weather.",
        "parameters": {"type": "object", "properties": {"city": {"type": "string"}}, "required": ["city"]},
    },
}
CALL = {"id": "1", "type": "function", "function": {"name": "get_weather", "arguments": '{"city": "Paris"}'}}


def test_a_turn_is_framed_and_the_assistant_is_asked_to_go_on() -> None:
    text = render([{"role": "user", "content": "Hi"}], prompt=True)
    assert text == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_thinking_opens_the_block_and_nothing_else_changes() -> None:
    messages = [{"role": "user", "content": "Hi"}]
    assert render(messages, prompt=True, thinking=True) == render(messages, prompt=True) + "<think>\n"


def test_tools_stand_in_the_system_turn_as_they_were_offered() -> None:
    text = render([{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}], (WEATHER,))
    assert text.startswith(
        '<|im_start|>system\nBe kind.\n\n# Tools\n{"type": "function", "function": {"name": "get_weather", '
    )


def test_tools_without_a_system_prompt_make_a_system_turn() -> None:
    assert render([{"role": "user", "content": "Hi"}], (WEATHER,)).startswith("<|im_start|>system\n# Tools\n{")


def test_two_calls_and_their_results() -> None:
    assistant = {"role": "assistant", "content": None, "tool_calls": [CALL, CALL]}
    results = [{"role": "tool", "content": "sunny"}, {"role": "tool", "content": "rainy"}]
    block = '<tool_call>\n{"name": "get_weather", "arguments": {"city": "Paris"}}\n</tool_call>'
    assert render([{"role": "user", "content": "?"}, assistant, *results]) == (
        f"<|im_start|>user\n?<|im_end|>\n<|im_start|>assistant\n{block}\n{block}<|im_end|>\n<|im_start|>user\n"
        "<tool_response>\nsunny\n</tool_response>\n<tool_response>\nrainy\n</tool_response><|im_end|>\n"
    )


def test_arguments_may_be_an_object_instead_of_a_string() -> None:
    function = {"name": "f", "arguments": {"a": 1, "b": "é"}}
    text = render([{"role": "assistant", "content": "", "tool_calls": [{"function": function}]}])
    assert '{"name": "f", "arguments": {"a": 1, "b": "é"}}' in text


def test_thoughts_are_kept_only_after_the_last_question() -> None:
    old = {"role": "assistant", "content": "A", "reasoning_content": "old thought"}
    new = {"role": "assistant", "content": "B", "reasoning_content": "new thought"}
    question = {"role": "user", "content": "?"}
    text = render([question, old, question, new])
    assert "old thought" not in text
    assert text.endswith("<|im_start|>assistant\n<think>\nnew thought\n</think>\n\nB<|im_end|>\n")


def test_thoughts_left_in_the_content_are_dropped() -> None:
    text = render([{"role": "assistant", "content": "<think>\nhm\n</think>\n\nYes."}])
    assert text == "<|im_start|>assistant\nYes.<|im_end|>\n"


def test_content_may_come_in_parts() -> None:
    parts = [{"type": "text", "text": "Hel"}, {"type": "text", "text": "lo"}]
    assert render([{"role": "user", "content": parts}]) == "<|im_start|>user\nHello<|im_end|>\n"


def test_a_developer_message_is_a_system_message() -> None:
    messages = [{"role": "developer", "content": "Be kind."}, {"role": "user", "content": "Hi"}]
    assert render(messages).startswith("<|im_start|>system\nBe kind.<|im_end|>\n")


def test_history_is_a_prefix_of_the_next_prompt() -> None:
    """What makes prefix caches work: an answered turn renders as the prompt plus the answer."""
    first = [{"role": "user", "content": "Hi"}]
    answered = [*first, {"role": "assistant", "content": "Hello!"}, {"role": "user", "content": "Bye"}]
    assert render(answered, prompt=True).startswith(render(first, prompt=True) + "Hello!<|im_end|>\n")
