from __future__ import annotations

from typing import Any

import pytest

from runtime.api.settings import ServerSettings
from runtime.engine.core import GenerationRequest
from runtime.engine.fake import FakeBehaviour
from tests.api.running import MODEL, Running, running
from tests.api.test_chat import events, raw_request


def test_a_completion_has_llama_servers_shape() -> None:
    with running(FakeBehaviour(answer="one two three")) as server:
        answer = server.http.post("/completion", json={"prompt": "Count: ", "stop": ["three"], "seed": 7}).json()
        assert answer["content"] == "one two "
        assert (answer["stop_type"], answer["stopping_word"], answer["stop"]) == ("word", "three", True)
        assert answer["generation_settings"]["seed"] == 7
        assert answer["prompt"] == "Count: "
        assert answer["timings"]["predicted_n"] == answer["tokens_predicted"]
        assert server.http.post("/completion", json={"prompt": "x", "n_predict": 1}).json()["stop_type"] == "limit"
        assert server.http.post("/completion", json={"prompt": "x"}).json()["stop_type"] == "eos"


def test_a_stream_of_a_completion_ends_with_everything_else() -> None:
    with running(FakeBehaviour(answer="one two")) as server:
        *chunks, last = events(server.http.post("/completion", json={"prompt": "x", "stream": True}).text)
    assert "".join(chunk["content"] for chunk in chunks) == "one two"
    assert not any(chunk["stop"] for chunk in chunks)
    assert last["stop"] is True
    assert last["stop_type"] == "eos"
    assert chunks[-1]["tokens_predicted"] == len([token for chunk in chunks for token in chunk["tokens"]])


def test_tokens_go_there_and_back(server: Running) -> None:
    tokens = server.http.post("/tokenize", json={"content": "the river é"}).json()["tokens"]
    assert server.http.post("/detokenize", json={"tokens": tokens}).json() == {"content": "the river é"}
    pieces = server.http.post("/tokenize", json={"content": "a river", "with_pieces": True}).json()["tokens"]
    assert [piece["piece"] for piece in pieces] == ["a", " river"]
    mixed = server.http.post("/completion", json={"prompt": [*tokens, " river"], "n_predict": 1})
    assert mixed.json()["tokens_evaluated"] == len(tokens) + 1


def test_the_template_is_applied_without_an_answer(server: Running) -> None:
    body = {"messages": [{"role": "user", "content": "Hi"}]}
    prompt = server.http.post("/apply-template", json=body).json()["prompt"]
    assert prompt == "<|im_start|>user\nHi<|im_end|>\n<|im_start|>assistant\n"


def test_props_tell_what_the_server_is(server: Running) -> None:
    props = server.http.get("/props").json()
    assert props["default_generation_settings"]["n_ctx"] == 4096
    assert props["total_slots"] == 1
    assert props["model_alias"] == MODEL
    assert "<|im_start|>" in props["chat_template"]
    assert "/" not in props["model_path"]


def test_nothing_shows_another_users_text() -> None:
    with running(FakeBehaviour(token_seconds=0.05, answer="my secret answer " * 50)) as server:
        with raw_request(server, user="my secret name", stream=True) as connection:
            assert connection.recv(10)
            assert server.http.get("/slots").json() == [{"id": 0, "n_ctx": 4096, "is_processing": True}]
            told = [server.http.get(path).text for path in ("/slots", "/metrics", "/props", "/health", "/api/ui")]
            assert "llamacpp:requests_processing 1" in told[1]
        assert "secret" not in "".join(told)
        server.wait_cancelled()


def test_metrics_count_what_was_done() -> None:
    with running(FakeBehaviour(answer="one two")) as server:
        usage = server.chat().json()["usage"]
        answer = server.http.get("/metrics")
        assert answer.headers["content-type"].startswith("text/plain; version=0.0.4")
        values = dict(line.split(" ") for line in answer.text.splitlines() if not line.startswith("#"))
    assert int(values["llamacpp:prompt_tokens_total"]) == usage["prompt_tokens"]
    assert int(values["llamacpp:tokens_predicted_total"]) == usage["completion_tokens"]
    assert values["pannier:requests_total"] == "1"
    assert values["llamacpp:requests_processing"] == values["llamacpp:requests_deferred"] == "0"


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/completion", {}),
        ("/completion", {"prompt": []}),
        ("/completion", {"prompt": [1.5]}),
        ("/completion", {"prompt": ["a", "b"]}),
        ("/completion", {"prompt": "x", "n_predict": -2}),
        ("/completion", {"prompt": "x", "n_indent": -1}),
        ("/completion", {"prompt": "x", "n_probs": -3}),
        ("/tokenize", {"content": 1}),
        ("/detokenize", {"tokens": ["x"]}),
        ("/detokenize", {"tokens": [10**6]}),
        ("/apply-template", {"messages": []}),
    ],
)
def test_an_error_has_llama_servers_shape(server: Running, path: str, body: dict[str, Any]) -> None:
    answer = server.http.post(path, json=body)
    assert answer.status_code == 400
    error = answer.json()["error"]
    assert (error["code"], error["type"]) == (400, "invalid_request_error")
    assert error["message"]


def test_errors_at_the_door_have_it_too() -> None:
    with running(settings=ServerSettings(MODEL, api_keys=("k",))) as server:
        for path in ("/props", "/metrics", "/slots"):
            answer = server.http.get(path)
            assert (answer.status_code, answer.json()["error"]["code"]) == (401, 401)
    with running(FakeBehaviour(never_ready=True), ready=False) as server:
        assert server.http.get("/props").json()["error"]["code"] == 503
        assert server.http.post("/tokenize", json={"content": "x"}).status_code == 503


def test_embedding_gives_a_list_of_vectors_for_each_text(server: Running) -> None:
    one = server.http.post("/embedding", json={"content": "the river"}).json()
    two = server.http.post("/embedding", json={"content": ["the river", [65, 66]]}).json()
    assert one[0] == two[0]
    assert [row["index"] for row in two] == [0, 1]
    assert len(two[1]["embedding"][0]) == len(one[0]["embedding"][0])
    assert server.http.post("/embedding", json={"content": [{}]}).status_code == 400


def test_text_is_filled_in_where_the_model_learnt_it() -> None:
    heard: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        heard.append(request)
        return "b"

    with running(FakeBehaviour(answer=answer, fill_in=(1, 2, 3))) as server:
        filled = server.http.post("/infill", json={"input_prefix": "a", "input_suffix": "c", "prompt": "x"})
        assert filled.json()["content"] == "b"
        assert heard[0].prompt == (1, ord("a"), 2, ord("c"), 3, ord("x"))
        plain = server.http.post("/v1/completions", json={"prompt": "a", "suffix": "c"}).json()
        assert plain["choices"][0]["text"] == "b"
        assert heard[1].prompt == (1, ord("a"), 2, ord("c"), 3)
        extra = {"input_prefix": "a", "input_suffix": "c", "input_extra": [{"filename": "x"}]}
        assert server.http.post("/infill", json=extra).status_code == 400


def test_what_the_model_cannot_do_is_refused_with_the_reason(server: Running) -> None:
    for path, body, reason in (
        ("/infill", {"input_prefix": "a", "input_suffix": "b"}, "no tokens to fill in"),
        ("/v1/completions", {"prompt": "a", "suffix": "b"}, "no tokens to fill in"),
        ("/rerank", {"query": "a", "documents": ["b"]}, "not made to rank"),
        ("/v1/rerank", {"query": "a", "documents": ["b"]}, "not made to rank"),
    ):
        refused = server.http.post(path, json=body)
        assert refused.status_code == 400
        assert reason in refused.json()["error"]["message"]


def test_probabilities_and_timings_come_with_the_pieces_that_were_asked_for() -> None:
    with running(FakeBehaviour(answer="one two")) as server:
        body = {"prompt": "x", "n_probs": 2, "timings_per_token": True}
        whole = server.http.post("/completion", json=body).json()
        assert len(whole["completion_probabilities"]) == whole["tokens_predicted"] - 1  # but for the end
        assert whole["completion_probabilities"][0]["id"] == ord("o")
        assert len(whole["completion_probabilities"][0]["top_logprobs"]) == 2
        *pieces, _ = events(server.http.post("/completion", json={**body, "stream": True}).text)
        assert [piece["timings"]["predicted_n"] for piece in pieces] == [*range(1, len(pieces) + 1)]
        chunks = events(server.chat(stream=True, timings_per_token=True).text)[:-1]
        timed = [chunk["timings"]["predicted_n"] for chunk in chunks if chunk["choices"][0]["delta"].get("content")]
        assert timed == sorted(set(timed))
        assert len(timed) > 3
        assert "timings" not in events(server.chat(stream=True).text)[2]


def test_progress_of_a_prompt_is_told_in_streams_that_ask_for_it() -> None:
    with running(FakeBehaviour(answer="one two")) as server:
        asked = {"prompt": "x", "stream": True, "return_progress": True}
        first, *_ = events(server.http.post("/completion", json=asked).text)
        assert first["content"] == ""
        assert set(first["prompt_progress"]) == {"total", "cache", "processed", "time_ms"}
        chat = {"messages": [{"role": "user", "content": "Hi"}], "stream": True, "return_progress": True}
        told = server.http.post("/v1/chat/completions", json=chat).text
        assert '"prompt_progress"' in told


def test_time_limits_and_the_least_to_draw_from_reach_the_engine() -> None:
    heard: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        heard.append(request)
        return "fine"

    with running(FakeBehaviour(answer=answer)) as server:
        server.http.post("/completion", json={"prompt": "x", "t_max_predict_ms": 1500, "min_keep": 3})
        server.http.post("/completion", json={"prompt": "x", "t_max_predict_ms": 0})
        refused = server.http.post("/v1/completions", json={"prompt": "x", "t_max_predict_ms": 5}).json()["error"]
    assert (heard[0].seconds, heard[0].sampling.min_keep) == (1.5, 3)
    assert heard[1].seconds is None
    assert "/completion" in refused["message"]


def test_probabilities_after_sampling_are_told_as_such() -> None:
    with running(FakeBehaviour(answer="one two")) as server:
        asked = {"prompt": "x", "n_probs": 2, "post_sampling_probs": True}
        token = server.http.post("/completion", json=asked).json()["completion_probabilities"][0]
        assert 0 < token["prob"] <= 1
        assert all(0 < one["prob"] <= 1 for one in token["top_probs"])
        assert "logprob" not in token
        refused = server.http.post("/completion", json={**asked, "mirostat": 2})
    assert refused.status_code == 400


def test_what_editors_ask_of_text_in_between_is_done() -> None:
    """A request as llama.vim sends it."""
    heard: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        heard.append(request)
        return "b\n  c\nd"

    asked: dict[str, Any] = {
        "id_slot": 0, "input_prefix": "a", "input_suffix": "z", "prompt": "  x", "n_predict": 64, "stop": [],
        "input_extra": [{"text": "one", "time": [1, 2], "filename": "f.py"}, {"text": "two"}],
        "n_indent": 2, "top_k": 40, "top_p": 0.9, "stream": False, "samplers": ["top_k", "top_p", "infill"],
        "cache_prompt": True, "t_max_prompt_ms": 500, "t_max_predict_ms": 1000,
        "response_fields": ["content", "timings/prompt_n", "truncated", "generation_settings/n_predict", "no/such"],
    }  # fmt: skip
    with running(FakeBehaviour(answer=answer, fill_in=(1, 2, 3), file=4)) as server:
        told = server.http.post("/infill", json=asked).json()
        last = events(server.http.post("/infill", json={**asked, "stream": True}).text)[-1]
    assert told["content"] == "b\n  c\n"
    assert (told["truncated"], told["generation_settings/n_predict"]) == (False, 64)
    assert set(told) == set(last) == {"content", "timings/prompt_n", "truncated", "generation_settings/n_predict"}
    others = "\4project\n\4f.py\none\4file\ntwo\4this\n"
    assert bytes(heard[0].prompt).decode() == f"{others}\1a\2z\3  x"  # type: ignore[arg-type]
    assert (heard[0].indent, heard[0].seconds) == (2, 1.0)


def test_of_too_many_other_files_the_last_are_read_and_a_model_without_names_gets_snippets() -> None:
    heard: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        heard.append(request)
        return "b"

    extras = [{"text": f"{number:09}|", "filename": "f"} for number in range(50)]
    asked = {"input_prefix": "a", "input_suffix": "z", "n_predict": 20, "input_extra": extras}
    for token in (4, -1):
        with running(FakeBehaviour(answer=answer, fill_in=(1, 2, 3), file=token, context_size=200)) as server:
            assert server.http.post("/infill", json=asked).json()["content"] == "b"
    named, plain = (bytes(request.prompt).decode() for request in heard)  # type: ignore[arg-type]
    for prompt in (named, plain):
        assert len(prompt) == 179
        assert "000000049|" in prompt
        assert "000000001|" not in prompt
        assert prompt.endswith("\1a\2z\3")
    assert named.startswith("\4project\n")
    assert "\n\n--- snippet ---\n\n000000049|" in plain


def test_who_wants_no_answer_has_the_prompt_read_and_is_told_nothing() -> None:
    heard: list[GenerationRequest] = []

    def answer(request: GenerationRequest) -> str:
        heard.append(request)
        return "secret"

    with running(FakeBehaviour(answer=answer)) as server:
        for fields in ({"n_predict": 0}, {"max_tokens": 0}):
            told = server.http.post("/completion", json={"prompt": "abc", **fields}).json()
            assert (told["content"], told["tokens_predicted"], told["tokens_evaluated"]) == ("", 0, 3)
            assert (told["stop_type"], told["generation_settings"]["n_predict"]) == ("limit", 0)
            stream = server.http.post("/completion", json={"prompt": "abc", "stream": True, **fields}).text
            assert [one["content"] for one in events(stream)] == [""]
    assert {request.max_tokens for request in heard} == {1}
