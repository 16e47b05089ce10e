from __future__ import annotations

from pathlib import Path

import pytest

from runtime.cli.door import Door
from runtime.cli.main import parser
from runtime.errors import UsageError


def door(*flags: str) -> Door:
    return Door.of(parser().parse_args(["serve", *flags]), "127.0.0.1")


def test_the_door_is_what_the_flags_say(tmp_path: Path) -> None:
    keys = tmp_path / "keys"
    keys.write_text("# the class\nfirst\n\n  second  \n", encoding="utf-8")
    template = tmp_path / "template.jinja"
    template.write_text("{{ messages }}", encoding="utf-8")
    made = door(
        "--api-key", "zero", "--api-key-file", str(keys), "--allow-host", "chat.example", "--allow-host", "b.example",
        "--allow-origin", "https://app.example", "--chat-template", str(template),
    )  # fmt: skip
    assert made.api_keys == ("zero", "first", "second")
    assert made.hosts == ("chat.example", "b.example")
    assert made.origins == ("https://app.example",)
    assert made.chat_template == "{{ messages }}"
    assert door() == Door("127.0.0.1")


def test_a_file_that_cannot_be_used_is_told_with_its_flag(tmp_path: Path) -> None:
    empty = tmp_path / "empty"
    empty.write_text("# no key yet\n", encoding="utf-8")
    binary = tmp_path / "binary"
    binary.write_bytes(b"\xff\xfe\x00")
    with pytest.raises(UsageError, match="holds no key"):
        door("--api-key-file", str(empty))
    with pytest.raises(UsageError, match=r"--api-key-file .*missing"):
        door("--api-key-file", str(tmp_path / "missing"))
    with pytest.raises(UsageError, match=r"--chat-template .*binary"):
        door("--chat-template", str(binary))
    with pytest.raises(UsageError, match="empty"):
        door("--api-key", "")
