"""What is inside the frozen runtime is told with a hash that the package's wheel gives too."""

from __future__ import annotations

import hashlib
from importlib.metadata import distribution
from pathlib import Path

import h11
import pytest

from bundler.errors import ToolError
from bundler.freeze.inventory import inventory


def test_a_packages_hash_is_that_of_its_records_lines_about_code() -> None:
    (record,) = [file for file in distribution("h11").files or () if file.name == "RECORD"]
    lines = Path(str(record.locate())).read_text().splitlines()
    about_code = sorted(f"{line}\n" for line in lines if line.startswith("h11/") and "__pycache__" not in line)
    assert len(about_code) > 5
    packages = {owned.package.name: owned.package for owned in inventory([str(h11.__file__)])}
    assert packages["h11"].sha256 == hashlib.sha256("".join(about_code).encode()).hexdigest()
    assert packages["h11"].version == distribution("h11").version


def test_a_system_librarys_hash_is_the_files(tmp_path: Path) -> None:
    library = tmp_path / "libz.so.1"
    library.write_bytes(b"zlib")
    (found,) = [owned.package for owned in inventory([str(library)]) if owned.package.name == "zlib"]
    assert found.sha256 == hashlib.sha256(b"zlib").hexdigest()


def test_a_module_that_was_changed_after_its_installation_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "odd-1.0.dist-info").mkdir()
    (tmp_path / "odd.py").write_text("x = 1\n")
    (tmp_path / "odd-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: odd\nVersion: 1.0\n")
    record = "odd.py,sha256=" + "A" * 43 + ",6\nodd-1.0.dist-info/METADATA,,\n"
    (tmp_path / "odd-1.0.dist-info" / "RECORD").write_text(record)
    monkeypatch.syspath_prepend(str(tmp_path))
    with pytest.raises(ToolError, match=r"odd\.py was changed after odd 1\.0 was installed") as caught:
        inventory([str(tmp_path / "odd.py")])
    assert "--force-reinstall odd==1.0" in caught.value.remedy
