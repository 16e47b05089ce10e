"""Models from the Hugging Face Hub or a mirror of it, through huggingface-hub and its cache on this disk.

The library asks, resolves and keeps the cache; the transfer of large files is ours (`download.py`), because the
library's own starts from nothing after every interruption and compares sizes, not hashes. A finished file gets the
name that the cache gives it, so every program that uses that cache finds it.
"""

from __future__ import annotations

import hashlib
import logging
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx2

from bundler import cache
from bundler.console import Console
from bundler.errors import ModelError, PannierError
from bundler.model import hub_errors, known
from bundler.model.choose import RepoFile, is_model
from bundler.model.download import TIMEOUT, Job, download
from bundler.publish import one_at_a_time

_COMMIT = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_RETRIED = (408, 429, 500, 502, 503, 504)
CARD = "README.md"


@dataclass(frozen=True, slots=True)
class Repository:
    """A repository at one commit. offline: known from this disk alone, so only cached files are listed."""

    name: str
    commit: str
    files: tuple[RepoFile, ...]
    gated: bool = False
    offline: bool = False

    @property
    def where(self) -> str:
        """It, in words."""
        return f"{self.name} at {self.commit[:12]}"


@dataclass(frozen=True, slots=True)
class Hub:
    """A hub and the cache of it. endpoint: its address. folder: where the cache lies."""

    endpoint: str
    folder: Path

    @classmethod
    def from_environment(cls) -> Hub:
        """The hub of HF_ENDPOINT and the cache of HF_HOME or HF_HUB_CACHE, as every program of theirs takes them."""
        from huggingface_hub import constants

        return cls(constants.ENDPOINT, Path(constants.HF_HUB_CACHE))

    def find(self, name: str, revision: str, console: Console) -> Repository:
        """The repository at `revision` (a branch, tag or commit), from the hub or else from this disk.

        Raises `ModelError` where neither knows it.
        """
        _quieten()
        try:
            return self._ask(name, revision, console)
        except Exception as error:
            if not hub_errors.unreachable(error):
                raise hub_errors.explained(error, name, self.endpoint) from None
            cached = self._cached(name, revision)
            if cached is None:
                raise hub_errors.explained(error, name, self.endpoint) from None
            console.say(f"{self.endpoint} is not asked or does not answer; taking {cached.where} from this disk.")
            return cached

    def cached_path(self, repository: Repository, file: RepoFile) -> Path | None:
        """Where a file already lies on this disk, if it does."""
        from huggingface_hub import try_to_load_from_cache

        found = try_to_load_from_cache(repository.name, file.name, cache_dir=self.folder, revision=repository.commit)
        return Path(found) if isinstance(found, str) else None

    def fetch(self, repository: Repository, files: Sequence[RepoFile], console: Console) -> list[Path]:
        """Paths of the files, downloaded if they are not on this disk. Raises `ModelError` or `SurroundingsError`."""
        paths = []
        for number, file in enumerate(files, 1):
            found = self.cached_path(repository, file)
            if found is None:
                label = f"Downloading {file.name.rsplit('/', 1)[-1]}"
                label += f" ({number} of {len(files)})" if len(files) > 1 else ""
                found = self._download(repository, file, label, console)
                if file.sha256:
                    known.remember(found, file.sha256)
            elif len(files) > 1 and file.sha256:
                known.check(found, file.sha256, console)  # of a joined set, composing checks only the whole
            paths.append(found)
        return paths

    def cached_models(self) -> Iterator[tuple[str, Path]]:
        """Every GGUF in the cache that is a model or the first part of one, and what to write for it."""
        for storage in sorted(self.folder.glob("models--*--*")):
            owner, _, repository = storage.name.removeprefix("models--").partition("--")
            for path in sorted((storage / "snapshots").glob("*/**/*.gguf")):
                file = path.relative_to(storage / "snapshots")
                if path.is_file() and is_model(path.name):
                    yield f"hf:{owner}/{repository}:{Path(*file.parts[1:]).as_posix()}@{file.parts[0]}", path

    def small_file(self, repository: Repository, file: str) -> Path | None:
        """A card or licence, downloaded if need be; None if there is none or it cannot be had."""
        if file not in (listed.name for listed in repository.files):
            return None
        try:
            with self._explaining(repository.name):
                return self._through_library(repository.name, repository.commit, file, local=repository.offline)
        except PannierError:
            return None

    def _ask(self, name: str, revision: str, console: Console) -> Repository:
        from huggingface_hub import HfApi

        info = HfApi(endpoint=self.endpoint).model_info(name, revision=revision, files_metadata=True, timeout=30)
        if not info.sha or not _COMMIT.fullmatch(info.sha):
            raise ModelError(f"{self.endpoint} names no commit for {name}.", "Check HF_ENDPOINT.")
        if info.id != name:
            console.warn(f"{name} is now called {info.id}; write that in the dist-spec.")
        files = tuple(
            RepoFile(
                sibling.rfilename,
                int((sibling.lfs.size if sibling.lfs else sibling.size) or 0),
                sibling.lfs.sha256 if sibling.lfs else "",
                sibling.blob_id or "",
            )
            for sibling in info.siblings or ()
        )
        self._remember(info.id, revision, info.sha)
        return Repository(info.id, info.sha, files, gated=bool(info.gated))

    def _remember(self, name: str, revision: str, commit: str) -> None:
        """Note what commit a branch stands at, so that it can be resolved without the hub."""
        if revision != commit:
            with suppress(OSError):  # a cache that cannot be written is still good to read
                reference = self._storage(name) / "refs" / revision
                reference.parent.mkdir(parents=True, exist_ok=True)
                reference.write_text(commit, encoding="utf-8")

    def _cached(self, name: str, revision: str) -> Repository | None:
        storage = self._storage(name)
        commit = revision
        with suppress(OSError):
            commit = (storage / "refs" / revision).read_text(encoding="utf-8").strip()
        snapshot = storage / "snapshots" / commit
        if not _COMMIT.fullmatch(commit) or not snapshot.is_dir():
            return None
        files = []
        for path in sorted(snapshot.rglob("*")):
            if path.is_file():
                stored_as = path.resolve().name  # a blob is called by its hash: SHA-256, or git's for small files
                sha256 = stored_as if _SHA256.fullmatch(stored_as) else ""
                blob = stored_as if _COMMIT.fullmatch(stored_as) else ""
                files.append(RepoFile(path.relative_to(snapshot).as_posix(), path.stat().st_size, sha256, blob))
        return Repository(name, commit, tuple(files), offline=True)

    def _download(self, repository: Repository, file: RepoFile, label: str, console: Console) -> Path:
        what = f"{repository.name}/{file.name}"
        with self._explaining(repository.name):
            if file.sha256 and file.size <= _largest_plain_download():
                blob = self._storage(repository.name) / "blobs" / file.sha256
                job = Job(what, file.size, file.sha256, lambda offset: self._open(repository, file.name, offset))
                with one_at_a_time(cache.root() / "downloads" / file.sha256, console):
                    if not blob.is_file():
                        with console.progress(label, file.size, in_bytes=True) as advance:
                            download(job, blob, advance)
                # The blob is there, so the library only notes it under its name; it transfers nothing.
                return self._through_library(repository.name, repository.commit, file.name)
            console.say(f"{label} …")
            path = self._through_library(repository.name, repository.commit, file.name)
            _check(path, file, what)
            return path

    def _through_library(self, repository: str, revision: str, file: str, *, local: bool = False) -> Path:
        from huggingface_hub import hf_hub_download

        return Path(
            hf_hub_download(
                repository,
                file,
                revision=revision,
                cache_dir=self.folder,
                endpoint=self.endpoint,
                local_files_only=local,
            )
        )

    @contextmanager
    def _open(self, repository: Repository, file: str, offset: int) -> Iterator[httpx2.Response]:
        """The file from `offset` on. Its address is asked for anew each time: signed ones do not last."""
        from huggingface_hub import get_hf_file_metadata, get_session, hf_hub_url
        from huggingface_hub.utils import (  # type: ignore[attr-defined]  # documented, but not in its __all__
            build_hf_headers,
            hf_raise_for_status,
        )

        url = hf_hub_url(repository.name, file, revision=repository.commit, endpoint=self.endpoint)
        headers: dict[str, str] = {**build_hf_headers(), "Accept-Encoding": "identity"}
        headers |= {"Range": f"bytes={offset}-"} if offset else {}
        with self._explaining(repository.name, retried=True):
            location = get_hf_file_metadata(url, timeout=30, endpoint=self.endpoint).location
            if _server(location) != _server(url):
                headers.pop("authorization", None)  # somebody else's storage: the token is not for it
            with get_session().stream("GET", location, headers=headers, timeout=TIMEOUT) as response:
                if response.status_code != 416:
                    hf_raise_for_status(response)
                yield response

    def _storage(self, name: str) -> Path:
        from huggingface_hub.file_download import repo_folder_name

        return self.folder / repo_folder_name(repo_id=name, repo_type="model")

    @contextmanager
    def _explaining(self, what: str, *, retried: bool = False) -> Iterator[None]:
        """Turn the library's errors into ours. retried: let through what may pass, as `httpx2.TransportError`."""
        from huggingface_hub.errors import HfHubHTTPError

        try:
            yield
        except PannierError:
            raise
        except Exception as error:
            if retried and isinstance(error, httpx2.TransportError):
                raise
            if retried and isinstance(error, HfHubHTTPError) and error.response.status_code in _RETRIED:
                raise httpx2.TransportError(f"the hub answered {error.response.status_code}") from None
            if retried and isinstance(error, OSError) and not isinstance(error, httpx2.HTTPError | ConnectionError):
                raise  # this disk's, not the hub's
            raise hub_errors.explained(error, what, self.endpoint) from None


def total_missing(hub: Hub, repository: Repository, files: Sequence[RepoFile]) -> int:
    """Bytes of those files that are not on this disk yet."""
    return sum(file.size for file in files if hub.cached_path(repository, file) is None)


def origin(repository: Repository, files: Sequence[RepoFile]) -> dict[str, Any]:
    """What the manifest says about where the files came from."""
    told = {"kind": "hf", "repository": repository.name, "commit": repository.commit}
    listed = [{"file": file.name, "size": file.size, **_hash(file)} for file in files]
    return {**told, **listed[0]} if len(listed) == 1 else {**told, "parts": listed}


def _hash(file: RepoFile) -> dict[str, str]:
    return {"sha256": file.sha256} if file.sha256 else {"git_blob": file.blob} if file.blob else {}


def _check(path: Path, file: RepoFile, what: str) -> None:
    """Compare what the library brought with the hash the hub has: SHA-256, or git's for small files."""
    with path.open("rb") as stream:
        if file.sha256:
            same = hashlib.file_digest(stream, "sha256").hexdigest() == file.sha256
        else:
            data = stream.read()
            same = not file.blob or hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest() == file.blob
    if not same:
        path.resolve().unlink()
        path.unlink(missing_ok=True)
        raise ModelError(f"{what} is not what the hub says it is.", "Nothing of it was kept; try again later.")


def _largest_plain_download() -> int:
    """Bytes above which the hub serves a file only through its own protocol, which the library speaks."""
    from huggingface_hub import constants

    return constants.MAX_HTTP_DOWNLOAD_SIZE


def _server(url: str) -> tuple[str, str, int | None]:
    parts = httpx2.URL(url)
    return parts.scheme, parts.host, parts.port


def _quieten() -> None:
    """The library's own bars and log lines off: there is one sink for output."""
    from huggingface_hub.utils import disable_progress_bars  # type: ignore[attr-defined]  # as above

    disable_progress_bars()
    logging.getLogger("huggingface_hub").setLevel(logging.CRITICAL)
