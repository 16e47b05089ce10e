"""Programs that know nothing of Pannier: LangChain with tools, and the command line tool `llm`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.api.clients.conftest import KEY, QUESTION


def test_langchain_calls_tools_and_streams(base: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LANGSMITH_TRACING", "false")
    from langchain_core.messages import HumanMessage, ToolMessage
    from langchain_core.tools import tool
    from langchain_openai import ChatOpenAI

    @tool
    def get_weather(city: str) -> str:
        """Get the weather in a city"""
        return f'{{"temperature": 21, "condition": "sunny", "city": "{city}"}}'

    with httpx.Client(trust_env=False) as plain:
        made: Any = {"http_client": plain}
        model = ChatOpenAI(base_url=f"{base}/v1", api_key=KEY, model="any", temperature=0, **made)  # type: ignore[arg-type]
        equipped = model.bind_tools([get_weather])
        said: list[Any] = [HumanMessage(QUESTION)]
        first = equipped.invoke(said)
        said.append(first)
        assert [call["args"] for call in first.tool_calls] == [{"city": "Rome"}, {"city": "Oslo"}]  # type: ignore[attr-defined]
        for call in first.tool_calls:  # type: ignore[attr-defined]
            said.append(ToolMessage(get_weather.invoke(call["args"]), tool_call_id=call["id"]))
        assert "21" in str(equipped.invoke(said).content)
        assert "".join(str(chunk.content) for chunk in model.stream("Hello")) == model.invoke("Hello").content


def test_llm_answers_from_a_shell(base: str, tmp_path: Path) -> None:
    (tmp_path / "extra-openai-models.yaml").write_text(
        f"- model_id: pannier\n  model_name: any\n  api_base: {base}/v1\n  api_key_name: pannier\n"
    )
    (tmp_path / "keys.json").write_text(f'{{"pannier": "{KEY}"}}')
    env = {**os.environ, "LLM_USER_PATH": str(tmp_path), "NO_PROXY": "127.0.0.1", "no_proxy": "127.0.0.1"}
    command = [sys.executable, "-m", "llm", "-m", "pannier", "-o", "temperature", "0", "-n"]
    for flags in ([], ["--no-stream"]):
        done = subprocess.run(
            [*command, *flags, "Hello"], env=env, capture_output=True, text=True, check=False, timeout=120
        )
        assert done.returncode == 0, done.stderr
        assert "demo model" in done.stdout
