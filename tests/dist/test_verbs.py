"""What the receiver's command line says and does."""

from __future__ import annotations

import hashlib
import json
import socket
import subprocess
from pathlib import Path

from bundler import demo
from tests.dist import running


def test_info_tells_people_what_it_is_and_what_it_runs_on(dist: Path, settled: dict[str, str]) -> None:
    done = running.run(dist, "info", env=settled)
    assert done.returncode == 0
    for word in ("pannier-demo 1.0", "llama.cpp", "backend   cpu-", "chosen", "mapped in place", "manifest  sha256"):
        assert word in done.stdout


def test_info_explains_every_refused_variant(dist: Path, settled: dict[str, str]) -> None:
    told = json.loads(running.run(dist, "info", "--json", env=settled).stdout)
    *refused, chosen = told["decision"]["verdicts"]
    assert chosen["status"] == "ok"
    assert told["decision"]["backend"] == chosen["name"]
    assert told["decision"]["remembered"] is True
    for verdict in refused:
        assert verdict["status"] != "ok"
        assert verdict["detail"]


def test_the_first_start_proves_and_the_second_remembers(dist: Path, env: dict[str, str]) -> None:
    # Asked to: the verdict may lie in a folder that all users of this machine share.
    first = json.loads(running.run(dist, "info", "--json", "--reprobe", env=env).stdout)["decision"]
    second = json.loads(running.run(dist, "info", "--json", env=env).stdout)["decision"]
    assert (first["remembered"], second["remembered"]) == (False, True)
    assert first["backend"] == second["backend"]


def test_doctor_tells_all_and_nothing_private(dist: Path, settled: dict[str, str]) -> None:
    done = running.run(dist, "doctor", env=settled)
    assert done.returncode == 0, done.stderr
    for word in (
        "machine ",
        "backends ",
        "chosen    cpu-",
        "memory ",
        "cache     ~",
        "port ",
        "every byte is as it was",
    ):
        assert word in done.stdout
    assert settled["HOME"] not in done.stdout
    told = json.loads(running.run(dist, "doctor", "--json", "--no-verify", env=settled).stdout)
    assert told["runs"] is True
    assert told["backend"] == next(one["name"] for one in told["candidates"] if one["became"] == "chosen")
    assert told["fit"]["lacks"] == 0
    assert settled["HOME"] not in json.dumps(told)


def test_a_model_that_does_not_fit_is_refused_with_what_would(dist: Path, settled: dict[str, str]) -> None:
    done = running.run(dist, "run", "Hello", "--ctx-size", "2000000000", env=settled)
    assert done.returncode == 4
    assert "GB of memory" in done.stderr
    assert "--ctx-size" in done.stderr


def test_only_the_libraries_it_needs_are_unpacked(dist: Path, settled: dict[str, str]) -> None:
    told = json.loads(running.run(dist, "info", "--json", env=settled).stdout)["decision"]
    files = {path.name for path in Path(told["engine_dir"]).iterdir()}
    assert f"libggml-{told['backend']}.so" in files
    assert len([name for name in files if "ggml-cpu" in name]) == 1


def test_a_forced_backend_that_does_not_exist_lists_those_there_are(dist: Path, settled: dict[str, str]) -> None:
    done = running.run(dist, "run", "Hello", "--backend", "cpu-z80", env=settled)
    assert done.returncode == 2
    assert "cpu-haswell" in done.stderr


def test_verify_accounts_for_every_byte(dist: Path, settled: dict[str, str]) -> None:
    done = running.run(dist, "verify", env=settled)
    assert done.returncode == 0
    assert f"all {dist.stat().st_size:,} bytes" in done.stdout


def test_verify_names_a_flipped_bit(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    data = bytearray(dist.read_bytes())
    at = data.find(b"GGUF") + 2000
    data[at] ^= 1
    copy = tmp_path / "flipped"
    copy.write_bytes(data)
    copy.chmod(0o755)
    done = running.run(copy, "verify", env=settled)
    assert done.returncode == 3
    assert "damaged: entry model.gguf" in done.stdout


def test_extract_gives_the_model_back(dist: Path, settled: dict[str, str], tmp_path: Path) -> None:
    done = running.run(dist, "extract", "model", "-o", str(tmp_path / "m.gguf"), env=settled)
    assert done.returncode == 0
    assert hashlib.sha256((tmp_path / "m.gguf").read_bytes()).hexdigest() == demo.MODEL_SHA256


def test_everything_but_the_model_takes_at_most_25_megabytes(dist: Path) -> None:
    assert dist.stat().st_size - demo.MODEL_PATH.stat().st_size <= 25_000_000


def test_unzip_gives_the_model_back_too(dist: Path) -> None:
    done = subprocess.run(["unzip", "-p", dist, "model.gguf"], capture_output=True, check=True)
    assert hashlib.sha256(done.stdout).hexdigest() == demo.MODEL_SHA256


def test_licenses_prints_the_texts_of_what_is_inside(dist: Path, settled: dict[str, str]) -> None:
    text = running.run(dist, "licenses", env=settled).stdout
    for word in ("Apache License", "llama.cpp", "fastapi", "PYTHON SOFTWARE FOUNDATION LICENSE"):
        assert word in text


def test_help_and_nonsense(dist: Path, settled: dict[str, str]) -> None:
    told = running.run(dist, "--help", env=settled)
    assert told.returncode == 0
    assert "exit codes" in told.stdout
    assert running.run(dist, "dance", env=settled).returncode == 2
    empty = running.run(dist, "run", " ", env=settled)
    assert (empty.returncode, empty.stdout) == (2, "")


def test_a_taken_port_is_an_error_only_if_it_was_asked_for(dist: Path, settled: dict[str, str]) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        done = running.run(dist, "serve", "--no-browser", "--port", str(port), env=settled)
    assert done.returncode == 5
    assert str(port) in done.stderr
    assert "--port" in done.stderr


def test_the_same_seed_gives_the_same_answer(dist: Path, settled: dict[str, str]) -> None:
    ask = ("run", "Tell me a story.", "--seed", "7", "--max-tokens", "30", "--temperature", "1.5")
    assert running.run(dist, *ask, env=settled).stdout == running.run(dist, *ask, env=settled).stdout


def test_the_prompt_may_come_from_standard_input(dist: Path, settled: dict[str, str]) -> None:
    done = subprocess.run(
        [dist, "run", "-", "--temperature", "0"], input="Hello", env=settled, capture_output=True, text=True, check=True
    )
    assert done.stdout == running.run(dist, "run", "Hello", "--temperature", "0", env=settled).stdout


def test_an_answer_has_the_form_that_a_file_or_the_command_line_gives(
    dist: Path, settled: dict[str, str], tmp_path: Path
) -> None:
    schema = {
        "type": "object",
        "properties": {"name": {"type": "string", "maxLength": 9}, "age": {"type": "integer", "maximum": 99}},
        "required": ["name", "age"],
        "additionalProperties": False,
    }
    (tmp_path / "person.json").write_text(json.dumps(schema))
    for form in (json.dumps(schema), str(tmp_path / "person.json")):
        done = running.run(dist, "run", "My name is Anna.", "--json-schema", form, "--temperature", "0", env=settled)
        told = json.loads(done.stdout)
        assert set(told) == {"name", "age"}
        assert isinstance(told["age"], int)
    done = running.run(dist, "run", "Yes?", "--grammar", 'root ::= "yes" | "no"', env=settled)
    assert done.stdout in ("yes\n", "no\n")
    cut = running.run(dist, "run", "Hi", "--json-schema", json.dumps(schema), "--max-tokens", "3", env=settled)
    assert cut.returncode == 0
    assert "greatest length" in cut.stderr
    for wrong in ("nowhere.json", '{"not": {}}'):
        refused = running.run(dist, "run", "Hi", "--json-schema", wrong, env=settled)
        assert (refused.returncode, refused.stdout) == (2, "")
        assert refused.stderr.startswith("error: --json-schema")
