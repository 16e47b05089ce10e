"""What a model's licence is, and what it asks of somebody who hands the model on.

The table below is no legal advice; it exists so that nobody ships a model under conditions without having met them.
Names are those of the Hugging Face Hub and of GGUF's `general.license`, in lower case.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

from bundler import resources
from bundler.errors import ModelError

_NAMELESS = ("", "other", "unknown")

_CONDITIONS: tuple[tuple[str, str], ...] = (
    (r"llama-?[234].*", "hand on the licence and its use policy, show 'Built with Llama', 700 million users at most"),
    (r"gemma.*", "hand on Google's terms and prohibited-use policy, and bind whoever gets it to them"),
    (r"cc-by-nc-nd(-.*)?", "no commercial use, no changed versions; credit the authors"),
    (r"cc-by-nc(-.*)?", "no commercial use; credit the authors"),
    (r"cc-by-nd(-.*)?", "no changed versions; credit the authors"),
    (r".*openrail.*", "hand on its use restrictions and bind whoever gets it to them"),
    (r"deepseek(-license)?", "hand on its use restrictions and bind whoever gets it to them"),
    (r"(tongyi-)?qwen(-license.*)?", "hand on the agreement; over 100 million users need another licence"),
    (r"(tongyi-)?qwen-research.*", "no commercial use; hand on the agreement"),
    (r"mrl|mnpl.*|mistral-.*(research|non-production).*|mistral-ai-research.*", "research and testing only"),
    (r"falcon-(llm|180b).*", "hand on the licence and its acceptable-use policy"),
    (
        r"stab(ility|le).*",
        "hand on the agreement, name Stability AI; large companies need another licence",
    ),
    (r"nvidia-.*", "hand on the agreement and its notices"),
    (r"exaone.*", "no commercial use"),
    (r"apple-(ascl|amlr).*|apple-sample.*", "hand on the licence; some versions allow research only"),
    (r"hunyuan.*|tencent-hunyuan.*", "not for every country; hand on the agreement and its use policy"),
    (r"lfm.*", "companies over 10 million dollars of revenue need another licence"),
    (r"command-?[ra].*|cohere.*", "no commercial use"),
    (r"h-research|.*-(nc|non-?commercial)(-.*)?", "no commercial use"),
    (r".*research-only.*|.*-research(-.*)?", "research only"),
)

_FORBIDS: tuple[tuple[str, str], ...] = (
    (r"proprietary|commercial|all-rights-reserved", "its owners have not allowed anybody to hand it on"),
)


@dataclass(frozen=True, slots=True)
class License:
    """What a source says about a model's licence.

    name: in lower case, as the Hub writes it ("apache-2.0"). link: where its text can be read. text: the text itself,
    empty if none was found. where: where the text was found, in words for the manifest.
    """

    name: str = ""
    link: str = ""
    text: bytes = b""
    where: str = ""


@dataclass(frozen=True, slots=True)
class Condition:
    """What a licence asks of whoever hands the model on. forbidden: it does not allow it at all."""

    license: str
    asks: str
    forbidden: bool = False


def plain_name(name: object) -> str:
    """A licence's name as this module compares it."""
    return re.sub(r"[\s_]+", "-", str(name).strip().lower())


def chosen_name(*names: object) -> str:
    """The first name that says something; "other" and "unknown" do not, if any of the rest does."""
    said = [str(name) for name in names if name]
    return next((name for name in said if plain_name(name) not in _NAMELESS), said[0] if said else "")


def text_for(name: str, terms: License) -> bytes:
    """The text to pack for a licence called `name`: what was found, a standard text, or a note; nothing for no name."""
    if terms.text:
        return terms.text
    if plain_name(name) == "apache-2.0":
        return resources.license_text()  # Pannier's own, which is that licence unaltered
    if not name:
        return b""
    link = f"Its text: {terms.link}\n" if terms.link else "Its text was not found where the model came from.\n"
    return f"Licence of the model: {name}\n{link}".encode()


def condition_of(name: str) -> Condition | None:
    """What the licence called `name` asks; None where it asks no more than to keep the notices."""
    plain = plain_name(name)
    for table, forbidden in ((_FORBIDS, True), (_CONDITIONS, False)):
        for pattern, asks in table:
            if re.fullmatch(pattern, plain):
                return Condition(plain, asks, forbidden)
    return None


def check_accepted(what: str, names: Iterable[str], accepted: Iterable[str]) -> list[Condition]:
    """The conditions of the licences called `names`, all of them accepted; raises `ModelError` where one is not.

    what: names the model in the error. accepted: names given with --accept-license.
    """
    agreed = {plain_name(name) for name in accepted}
    conditions = [found for name in dict.fromkeys(map(plain_name, names)) if (found := condition_of(name))]
    for found in conditions:
        if found.license not in agreed:
            verb = "forbids" if found.forbidden else "puts conditions on"
            raise ModelError(
                f"The licence of {what}, {found.license}, {verb} handing it on: {found.asks}.",
                f"Read it; if you may hand the result on, build again with --accept-license {found.license}",
            )
    return conditions
