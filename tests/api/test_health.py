from __future__ import annotations

from runtime.api.settings import UiConfig
from runtime.engine.fake import FakeBehaviour
from runtime.errors import CannotRunError, ShortOfMemoryError
from tests.api.running import MODEL, Running, running


def test_health_is_200_once_the_model_answers(server: Running) -> None:
    answer = server.http.get("/health")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_health_is_503_with_state_and_progress_while_loading() -> None:
    with running(FakeBehaviour(never_ready=True), ready=False) as server:
        answer = server.http.get("/health")
        assert answer.status_code == 503
        assert answer.json()["status"] == "loading"
        assert answer.json()["progress"] == 0.0
        assert int(answer.headers["retry-after"]) > 0


def test_health_turns_from_503_to_200() -> None:
    with running(FakeBehaviour(load_seconds=0.3), ready=False) as server:
        states = [server.http.get("/health").status_code]
        while states[-1] == 503:
            states.append(server.http.get("/health").status_code)
        assert states[0] == 503
        assert states[-1] == 200


def test_health_says_why_loading_failed() -> None:
    with running(
        FakeBehaviour(load_error=CannotRunError("No backend works.", "Buy a computer.")), ready=False
    ) as server:
        while (answer := server.http.get("/health")).json()["status"] == "loading":
            pass
        assert answer.status_code == 503
        assert answer.json()["status"] == "failed"
        assert answer.json()["detail"] == "No backend works. Buy a computer."
        refused = server.chat()
        assert (refused.status_code, refused.json()["error"]["code"]) == (503, "engine_failed")


def test_health_says_that_the_engine_restarts() -> None:
    with running(FakeBehaviour(die_at_token=0, deaths=2, load_seconds=0.5)) as server:
        assert server.chat().status_code == 503
        answer = server.http.get("/health")
        assert (answer.status_code, answer.json()["status"]) == (503, "restarting")


def test_models_lists_the_one_model_with_its_facts(server: Running) -> None:
    listing = server.http.get("/v1/models").json()
    assert listing["object"] == "list"
    (model,) = listing["data"]
    assert model["id"] == MODEL
    assert model["object"] == "model"
    assert model["meta"]["n_ctx"] == 4096
    assert model["meta"]["chat_template"] == "model"


def test_models_answers_before_the_model_is_loaded() -> None:
    with running(FakeBehaviour(never_ready=True), ready=False) as server:
        (model,) = server.http.get("/v1/models").json()["data"]
        assert model["id"] == MODEL
        assert "meta" not in model


def test_a_model_is_found_by_its_name_and_no_other_is(server: Running) -> None:
    assert server.http.get(f"/v1/models/{MODEL}").json()["id"] == MODEL
    missing = server.http.get("/v1/models/gpt-4")
    assert missing.status_code == 404
    assert missing.json()["error"]["code"] == "model_not_found"


def test_the_page_is_told_what_to_show() -> None:
    ui = UiConfig(title="Biology", welcome="Ask.", starters=("One", "Two"), system_prompt="Be kind.")
    with running(FakeBehaviour(chat_template=None), ui=ui) as server:
        shown = server.http.get("/api/ui").json()
    assert shown["title"] == "Biology"
    assert shown["starters"] == ["One", "Two"]
    assert shown["system_prompt"] == "Be kind."
    assert shown["model"] == MODEL
    assert shown["backend"] == "fake"
    assert shown["chat_template"] == "fallback"


def test_an_engine_that_failed_is_tried_again_when_somebody_asks() -> None:
    failing = FakeBehaviour(load_error=ShortOfMemoryError("The engine died."), load_seconds=0.1)
    with running(failing, ready=False) as server:
        while (answer := server.http.get("/health")).json()["status"] == "loading":
            pass
        assert (answer.json()["status"], answer.json()["reason"]) == ("failed", "memory")
        assert server.http.post("/api/retry").json()["status"] == "loading"
        while (answer := server.http.get("/health")).status_code == 503:
            assert "reason" not in answer.json()
        assert server.http.post("/api/retry").json() == {"status": "ok"}
