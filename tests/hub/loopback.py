"""A hub on loopback that speaks the Hugging Face Hub's protocol, and can be told to fail in the ways real ones do.

Two servers, as in reality: the hub answers questions and redirects large files, with their hashes in headers, to a
storage server under signed addresses that work once. Repositories are lists of commits; a branch points at one.
"""

from __future__ import annotations

import hashlib
import json
import re
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

PIECE = 4096


def git_blob(data: bytes) -> str:
    return hashlib.sha1(b"blob %d\0" % len(data) + data).hexdigest()


@dataclass
class Repo:
    """commits: files by commit. gated: 401 or 403 to those who download. moved: its new name."""

    commits: dict[str, dict[str, bytes]] = field(default_factory=dict)
    branches: dict[str, str] = field(default_factory=dict)
    gated: int = 0
    private: bool = False
    disabled: bool = False
    moved: str = ""

    def commit(self, files: dict[str, bytes], branch: str = "main") -> str:
        listing = [(name, git_blob(data)) for name, data in sorted(files.items())]
        name = hashlib.sha1(repr((listing, len(self.commits))).encode()).hexdigest()
        self.commits[name] = files
        self.branches[branch] = name
        return name

    def resolve(self, revision: str) -> str | None:
        return revision if revision in self.commits else self.branches.get(revision)


@dataclass
class Transfer:
    """One answer of the storage server: from which byte, and how many it sent."""

    file: str
    start: int
    sent: int
    headers: dict[str, str]


@dataclass
class Loopback:
    """The hub and its storage. What tests change and look at.

    cuts: positions in a file; the first transfer that reaches one is cut there, and the position forgotten.
    dead: after a cut, refuse everything. tampered: send other bytes. ranges: heed Range. lengths: say the size.
    at: called with the position after each piece sent. status: answer everything with it; storage_status: only there.
    lfs: keep large files apart; without it the hub answers with the bytes itself, as it does for small ones.
    """

    repos: dict[str, Repo] = field(default_factory=dict)
    cuts: list[int] = field(default_factory=list)
    die_after_cut: bool = False
    dead: bool = False
    tampered: bool = False
    ranges: bool = True
    lengths: bool = True
    status: int = 0
    storage_status: int = 0
    lfs: bool = True
    tokens: tuple[str, ...] = ()
    at: Callable[[int], None] | None = None
    transfers: list[Transfer] = field(default_factory=list)
    asked: list[str] = field(default_factory=list)
    signatures: set[str] = field(default_factory=set)
    files: dict[str, bytes] = field(default_factory=dict)
    hub_port: int = 0
    storage_port: int = 0

    @property
    def endpoint(self) -> str:
        return f"http://127.0.0.1:{self.hub_port}"

    @property
    def storage(self) -> str:
        return f"http://127.0.0.1:{self.storage_port}"

    def repo(self, name: str) -> Repo:
        return self.repos.setdefault(name, Repo())

    def sign(self, data: bytes) -> str:
        key = hashlib.sha256(data).hexdigest()
        self.files[key] = data
        signature = f"{len(self.signatures):08d}"
        self.signatures.add(signature)
        return f"{self.storage}/{key}?signature={signature}"

    @property
    def sent(self) -> int:
        return sum(transfer.sent for transfer in self.transfers)


@contextmanager
def running() -> Iterator[Loopback]:
    state = Loopback()
    servers = [_Server(("127.0.0.1", 0), _handler(kind, state)) for kind in (_HubHandler, _StorageHandler)]
    state.hub_port, state.storage_port = (server.server_port for server in servers)
    threads = [threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True) for server in servers]
    for thread in threads:
        thread.start()
    try:
        yield state
    finally:
        for server in servers:
            server.shutdown()
            server.server_close()
        for thread in threads:
            thread.join()


class _Server(ThreadingHTTPServer):
    def handle_error(self, *_: object) -> None:
        """Clients that leave in the middle are what this is for."""


def _handler(kind: type[Any], loopback: Loopback) -> Any:
    return type(kind.__name__, (kind,), {"state": loopback})


class _Handler(BaseHTTPRequestHandler):
    state: Loopback
    protocol_version = "HTTP/1.1"

    def log_message(self, *_: object) -> None:
        pass

    def refused(self) -> bool:
        if self.state.dead:
            self.close_connection = True
            return True
        if self.state.status:
            self.answer(self.state.status, b"trouble")
            return True
        return False

    def answer(self, status: int, body: bytes = b"", **headers: str) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name.replace("_", "-"), value)
        if "Content_Length" not in headers:
            self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)


class _HubHandler(_Handler):
    def do_HEAD(self) -> None:
        self.do_GET()

    def do_GET(self) -> None:
        path = unquote(urlsplit(self.path).path)
        self.state.asked.append(f"{self.command} {path}")
        if self.refused():
            return
        if found := re.fullmatch(r"/api/models/([^/]+/[^/]+?)(?:/revision/(.+))?", path):
            self.info(found[1], found[2] or "main")
        elif found := re.fullmatch(r"/([^/]+/[^/]+)/resolve/([^/]+)/(.+)", path):
            self.resolve(found[1], found[2], found[3])
        else:
            self.answer(404, b"Not Found")

    @property
    def token(self) -> str:
        return (self.headers.get("Authorization") or "").removeprefix("Bearer ")

    def repository(self, name: str, tail: str) -> Repo | None:
        repo = self.state.repos.get(name)
        if self.token and self.token not in self.state.tokens:
            self.answer(401, b"{}", X_Error_Message="Invalid credentials in Authorization header")
            return None
        if repo is None or (repo.private and not self.token):
            self.answer(401, b"{}", X_Error_Code="RepoNotFound", X_Error_Message="Repository not found")
            return None
        if repo.moved:
            self.answer(307, b"", Location=tail.replace(name, repo.moved, 1))
            return None
        if repo.disabled:
            self.answer(403, b"{}", X_Error_Message="Access to this resource is disabled.")
            return None
        return repo

    def info(self, name: str, revision: str) -> None:
        repo = self.repository(name, self.path)
        if repo is None:
            return
        commit = repo.resolve(revision)
        if commit is None:
            self.answer(404, b"{}", X_Error_Code="RevisionNotFound", X_Error_Message="Invalid rev id")
            return
        blobs = "blobs" in parse_qs(urlsplit(self.path).query)
        body = {
            "_id": "1",
            "id": name,
            "modelId": name,
            "sha": commit,
            "private": repo.private,
            "gated": "auto" if repo.gated else False,
            "disabled": False,
            "tags": ["gguf"],
            "downloads": 0,
            "siblings": [_sibling(file, data, blobs, self.state.lfs) for file, data in repo.commits[commit].items()],
        }
        self.answer(200, json.dumps(body).encode(), Content_Type="application/json")

    def resolve(self, name: str, revision: str, file: str) -> None:
        repo = self.repository(name, self.path)
        if repo is None:
            return
        commit = repo.resolve(revision)
        if commit is None:
            self.answer(404, b"", X_Error_Code="RevisionNotFound")
            return
        if repo.gated and self.token not in self.state.tokens:
            self.answer(401, b"", X_Error_Code="GatedRepo", X_Error_Message="Access is restricted")
            return
        if repo.gated == 403:
            self.answer(403, b"", X_Error_Code="GatedRepo", X_Error_Message="You are not in the authorized list")
            return
        data = repo.commits[commit].get(file)
        if data is None:
            self.answer(404, b"", X_Error_Code="EntryNotFound", X_Repo_Commit=commit)
            return
        if not (self.state.lfs and _is_large(file)):
            data = data[:-1] + b"?" if self.state.tampered else data
            self.answer(200, data, ETag=f'"{git_blob(data)}"', X_Repo_Commit=commit)
            return
        self.answer(
            302,
            b"",
            Location=self.state.sign(data),
            X_Repo_Commit=commit,
            X_Linked_Size=str(len(data)),
            X_Linked_ETag=f'"{hashlib.sha256(data).hexdigest()}"',
            ETag=f'"{git_blob(data)}"',
            Accept_Ranges="bytes",
        )


class _StorageHandler(_Handler):
    """Also a plain web server, for addresses without a signature."""

    def do_HEAD(self) -> None:
        if not self.refused():
            data = self.state.files.get(urlsplit(self.path).path.strip("/"))
            self.answer(404 if data is None else 200, Content_Length=str(len(data or b"")))

    def do_GET(self) -> None:
        if self.refused():
            return
        if self.state.storage_status:
            self.answer(self.state.storage_status, b"<Error>Trouble</Error>")
            return
        parts = urlsplit(self.path)
        key = parts.path.strip("/")
        signature = parse_qs(parts.query).get("signature", [""])[0]
        data = self.state.files.get(key)
        if data is None or (signature and signature not in self.state.signatures):
            self.answer(403 if signature else 404, b"<Error>SignatureDoesNotMatch</Error>")
            return
        self.state.signatures.discard(signature)
        if self.state.tampered:
            data = data[:-1] + bytes([data[-1] ^ 1])
        asked = re.fullmatch(r"bytes=(\d+)-", self.headers.get("Range") or "") if self.state.ranges else None
        start = int(asked[1]) if asked else 0
        if start and start >= len(data):
            self.answer(416, b"", Content_Range=f"bytes */{len(data)}")
            return
        self.send_response(206 if asked else 200)
        if asked:
            self.send_header("Content-Range", f"bytes {start}-{len(data) - 1}/{len(data)}")
        if self.state.lengths:
            self.send_header("Content-Length", str(len(data) - start))
        else:
            self.send_header("Connection", "close")
            self.close_connection = True
        self.end_headers()
        self.transfer(key, data, start)

    def transfer(self, key: str, data: bytes, start: int) -> None:
        record = Transfer(key, start, 0, dict(self.headers))
        self.state.transfers.append(record)
        at = start
        while at < len(data):
            cut = next((c for c in self.state.cuts if at <= c < at + PIECE), None)
            piece = data[at : at + PIECE if cut is None else cut]
            self.wfile.write(piece)
            self.wfile.flush()
            at += len(piece)
            record.sent += len(piece)
            if self.state.at:
                self.state.at(at)
            if cut is not None:
                self.state.cuts.remove(cut)
                self.state.dead = self.state.die_after_cut
                self.close_connection = True
                return


def _is_large(file: str) -> bool:
    return file.endswith((".gguf", ".dat"))


def _sibling(file: str, data: bytes, blobs: bool, lfs: bool) -> dict[str, Any]:
    told: dict[str, Any] = {"rfilename": file}
    if blobs:
        told |= {"size": len(data), "blobId": git_blob(data)}
        if lfs and _is_large(file):
            told["lfs"] = {"size": len(data), "sha256": hashlib.sha256(data).hexdigest(), "pointerSize": 134}
    return told
