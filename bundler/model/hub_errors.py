"""What a hub's refusals mean, in words, and what to do about each."""

from __future__ import annotations

import httpx2

from bundler.errors import ModelError, PannierError, SurroundingsError

LOG_IN = "log in with `hf auth login`, or set HF_TOKEN"
_ELSEWHERE = "A model that is here already can be named by its path; `pannier models` lists them."


def explained(error: Exception, what: str, endpoint: str) -> PannierError:
    """The error a builder sees. what: the repository, or a file in it. endpoint: the hub's address."""
    from huggingface_hub import errors as hub

    page = f"{endpoint}/{what}"
    if isinstance(error, hub.GatedRepoError):
        return _gated(error, what, page)
    if isinstance(error, hub.RevisionNotFoundError):
        return ModelError(f"{what} has no such revision.", f"See what it has: {page}/commits")
    if isinstance(error, hub.RemoteEntryNotFoundError):
        return ModelError(f"{what} has no such file at that revision.", f"See what it has: {page}/tree/main")
    if isinstance(error, hub.DisabledRepoError):
        return ModelError(f"{what} has been disabled by its hub.", "Choose another repository.")
    if isinstance(error, hub.RepositoryNotFoundError):
        return _missing(what, endpoint)
    if isinstance(error, hub.OfflineModeIsEnabled):
        return ModelError(
            f"{what} is not on this disk, and HF_HUB_OFFLINE forbids to fetch it.", f"Unset it, or: {_ELSEWHERE}"
        )
    if isinstance(error, hub.HfHubHTTPError):
        return _answered(error, what, endpoint)
    if isinstance(error, httpx2.TransportError | hub.LocalEntryNotFoundError):
        return ModelError(
            f"{endpoint} cannot be reached ({_cause(error)}), and {what} is not on this disk.",
            f"Check the network, or name a mirror in HF_ENDPOINT. {_ELSEWHERE}",
        )
    if isinstance(error, hub.FileMetadataError):
        return ModelError(
            f"{endpoint} does not answer as a hub does (it names no commit for {what}).", "Check HF_ENDPOINT."
        )
    if isinstance(error, hub.HFValidationError):
        return ModelError(f"{what} is no name of a repository.", "Write it as hf:OWNER/REPO.")
    if isinstance(error, OSError):
        return SurroundingsError(
            f"The hub's cache cannot be used: {error.filename or what}: {error.strerror or error}.",
            "Free some space, or put the cache elsewhere: HF_HOME.",
        )
    return ModelError(f"{endpoint} gave an answer about {what} that makes no sense ({type(error).__name__}: {error}).")


def unreachable(error: Exception) -> bool:
    """Whether the hub could not be asked at all, so that what is on this disk must do."""
    from huggingface_hub import errors as hub

    if isinstance(error, hub.HfHubHTTPError):
        return error.response.status_code >= 500
    return isinstance(error, hub.OfflineModeIsEnabled | httpx2.TransportError)


def _gated(error: Exception, what: str, page: str) -> ModelError:
    status = error.response.status_code  # type: ignore[attr-defined]  # GatedRepoError, known above
    if status == 401:
        remedy = f"Read and accept them at {page}, then {LOG_IN}."
    else:
        remedy = f"Your token is known but not admitted: accept them at {page} with the same account."
    return ModelError(f"{what} is gated: its owners want their terms accepted before anybody downloads it.", remedy)


def _missing(what: str, endpoint: str) -> ModelError:
    return ModelError(
        f"There is no repository {what} at {endpoint}, or it is private.",
        f"Check the spelling; if it is private, {LOG_IN}.",
    )


def _answered(error: Exception, what: str, endpoint: str) -> ModelError:
    response = error.response  # type: ignore[attr-defined]  # HfHubHTTPError, known above
    status = response.status_code
    if status == 401 and "Authorization" in response.request.headers:
        return ModelError(f"{endpoint} does not accept your token.", "Get a new one, or unset HF_TOKEN.")
    if status in (401, 404):
        return _missing(what, endpoint)
    if status == 403:
        return ModelError(f"{endpoint} refuses {what} to your token.", "Give the token read access to gated content.")
    if status == 429:
        return ModelError(f"{endpoint} asks for patience: too many requests.", f"Wait a little; or {LOG_IN}.")
    return ModelError(f"{endpoint} answered {status} when asked for {what}.", "Try again later.")


def _cause(error: Exception) -> str:
    """The innermost reason that says something."""
    said = str(error)
    while error.__cause__ is not None and isinstance(error.__cause__, Exception):
        error = error.__cause__
        said = str(error) or said
    return said.split("\n", 1)[0].rstrip(".") or type(error).__name__
