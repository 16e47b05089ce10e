"""Finding Vulkan's headers: old ones are told apart from new ones, and a directory can be named."""

from __future__ import annotations

from pathlib import Path

import pytest

from bundler.engine import vulkan


def headers_in(folder: Path, minor: int, patch: int) -> Path:
    include = folder / "include" / "vulkan"
    include.mkdir(parents=True)
    (include / "vulkan.hpp").write_text("")
    (include / "vulkan_core.h").write_text(
        f"#define VK_HEADER_VERSION {patch}\n"
        f"#define VK_HEADER_VERSION_COMPLETE VK_MAKE_API_VERSION(0, 1, {minor}, VK_HEADER_VERSION)\n"
    )
    return folder


def test_a_named_directory_comes_first(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    headers_in(tmp_path / "usr", 4, 309)
    monkeypatch.setenv(vulkan.VARIABLE, str(tmp_path))
    finding = vulkan.headers()
    assert finding.found
    assert finding.identity == "1.4.309"
    assert finding.options == {"Vulkan_INCLUDE_DIR": str(tmp_path / "usr" / "include")}


def test_headers_that_are_too_old_are_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    headers_in(tmp_path, 3, 239)
    monkeypatch.setattr(vulkan, "roots", lambda: (tmp_path,))
    finding = vulkan.headers()
    assert not finding.found
    assert "1.3.239" in finding.detail
    assert vulkan.VARIABLE in finding.remedy


def test_spirv_headers_are_found_by_their_cmake_package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package = tmp_path / "usr" / "share" / "cmake" / "SPIRV-Headers"
    package.mkdir(parents=True)
    monkeypatch.setenv(vulkan.VARIABLE, str(tmp_path))
    monkeypatch.setattr(vulkan, "roots", lambda: (tmp_path / "usr",))
    assert not vulkan.spirv_headers().found
    (package / "SPIRV-HeadersConfig.cmake").write_text("")
    assert vulkan.spirv_headers().options == {"SPIRV-Headers_DIR": str(package)}
