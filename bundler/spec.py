"""The dist-spec: one schema, which is also its documentation (docs/dist-spec.md is made from it).

Unknown keys are refused with the nearest known one. `load` gives a complete `DistSpec` or a `SpecError` that names the
key and says what it may be.
"""

from __future__ import annotations

import difflib
import re
import tomllib
from pathlib import Path
from typing import Annotated, Any, cast

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from bundler import targets as target_table
from bundler.errors import SpecError, UsageError
from bundler.model.quants import ALIASES, TYPES, canonical
from bundler.sizes import parse_size

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*")

LANGUAGES = ("ar", "de", "en", "es", "fr", "hi", "ja", "ko", "pt", "zh")
"""The languages the page speaks; a test compares them with its catalogues."""

SETTINGS = ("temperature", "max_tokens", "top_p", "top_k", "min_p", "repeat_penalty", "presence_penalty",
            "frequency_penalty", "seed", "thinking", "form", "tools")  # fmt: skip
"""What may be set in the page."""


def _one_of(value: str, known: tuple[str, ...]) -> str:
    if value not in known:
        near = difflib.get_close_matches(value, known, n=1)
        raise ValueError(f"did you mean {near[0]!r}?" if near else f"it may be {', '.join(known)}")
    return value


class _Table(BaseModel):
    """Base of every table: no unknown keys, no silent conversions."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class DistTable(_Table):
    """What the result is called and which systems it is for."""

    name: str = Field(description="Name of the dist; begins the file's name. Letters, digits, `.`, `_`, `-`.")
    version: str = Field(default="1.0", description="Version of the dist, part of the file's name.")
    description: str = Field(default="", description="One sentence for the person who receives it; shown by `info`.")
    targets: list[str] = Field(
        default=[], description="Systems to build for. Empty means the machine that builds. `--target` overrides."
    )
    icon: str = Field(default="", description="Icon of the file on Windows: an `.ico`, its path beside the spec.")

    @field_validator("name", "version")
    @classmethod
    def _plain_name(cls, value: str) -> str:
        if not _NAME.fullmatch(value):
            raise ValueError("use letters, digits, '.', '_' and '-', beginning with a letter or digit")
        return value

    @field_validator("targets")
    @classmethod
    def _known_targets(cls, value: list[str]) -> list[str]:
        for name in value:
            if name not in target_table.TARGETS:
                raise ValueError(f"no target {name!r}; targets are {', '.join(target_table.TARGETS)}")
        return value


class ModelTable(_Table):
    """Which model goes in."""

    source: str = Field(
        description="`demo`, a path to a GGUF (relative to the spec; any part of a split set stands for all), "
        "`hf:OWNER/REPO[:FILE-or-QUANT][@REVISION]`, `https://…` (with `sha256`), or what another program has on this "
        "disk: `ollama:NAME`, `lmstudio:OWNER/REPO`, `llamacpp:FILE`. `--model` overrides."
    )
    sha256: str = Field(
        default="",
        description="SHA-256 the source must have (of a split set: joined); the build fails on another. "
        "Required for `https://`.",
    )
    quantize: str = Field(
        default="", description="Quantise an F32, F16 or BF16 source to this type (`Q4_K_M`, …) before it is packed."
    )
    imatrix: str = Field(default="", description="Importance matrix for `quantize`; named like a source.")
    projector: str = Field(
        default="", description="Projector for images or sound (mmproj), named like a source. Only packed so far."
    )
    adapters: list[str] = Field(default=[], description="LoRA adapters, named like sources. Only packed so far.")
    draft: str = Field(
        default="",
        description="A small model of the same vocabulary that guesses ahead (speculative decoding), named like a "
        "source. Only with full attention, and only while that is faster. `--no-draft` of the dist turns it off.",
    )
    name: str = Field(default="", description="Name shown to people; by default the model's own `general.name`.")
    license: str = Field(default="", description="SPDX name of its licence; by default the model's own metadata.")
    license_file: str = Field(
        default="", description="File with its licence text (relative to the spec), packed along."
    )

    @field_validator("quantize")
    @classmethod
    def _known_type(cls, value: str) -> str:
        name = canonical(value) if value else ""
        if name is None:
            near = difflib.get_close_matches(value.upper(), (*TYPES, *ALIASES), n=1)
            hint = f"did you mean {near[0]!r}?" if near else f"types are {', '.join(TYPES)}"
            raise ValueError(f"there is no type {value!r}; {hint}")
        return name

    @field_validator("sha256")
    @classmethod
    def _hex(cls, value: str) -> str:
        if value and not re.fullmatch(r"[0-9a-fA-F]{64}", value):
            raise ValueError("use 64 hexadecimal digits")
        return value.lower()


class EngineTable(_Table):
    """What computes."""

    backends: list[str] = Field(
        default=["cpu"],
        min_length=1,
        description="Backends to pack: `cpu`, besides `vulkan`, `cuda`, `metal`, `hip`, `sycl`. `--backend` overrides.",
    )
    repack: bool = Field(
        default=False,
        description="Let llama.cpp keep a rearranged copy of the weights in memory. Costs memory and start-up time.",
    )

    @field_validator("backends")
    @classmethod
    def _cpu_is_always_there(cls, value: list[str]) -> list[str]:
        if "cpu" not in value:
            raise ValueError("`cpu` must be among them: it is what every machine has")
        return value


class ServeTable(_Table):
    """Defaults of the running dist; its command line overrides them."""

    host: str = Field(
        default="127.0.0.1", description="Address to listen on. Anything but loopback opens it to others."
    )
    port: Annotated[int, Field(ge=0, le=65535)] = Field(
        default=0, description="Port to listen on; 0 means 8080 or the next free one."
    )
    ctx_size: Annotated[int, Field(ge=0)] = Field(
        default=0, description="Tokens of context per request; 0 means what the model was trained on, at most 8192."
    )
    parallel: Annotated[int, Field(ge=1, le=256)] = Field(default=4, description="Requests that may run at once.")
    split_cache: bool = Field(
        default=False,
        description="Give each request a part of the cache, instead of one that all share. For measuring: what many "
        "prompts share is copied then. `--split-cache`.",
    )
    prompt_lookup: bool = Field(
        default=False,
        description="Guess the next words from the text before them: faster where an answer repeats much of its "
        "prompt, as when a text is corrected. Only with full attention. `--prompt-lookup`.",
    )
    threads: Annotated[int, Field(ge=0)] = Field(default=0, description="Compute threads; 0 means the machine's cores.")
    browser: bool = Field(default=True, description="Open the chat page at start, where there is a display.")


class MediaTable(_Table):
    """What the result is carried on."""

    split: str = Field(
        default="",
        description="Largest file the medium holds: `fat32`, or a size such as `4GB`. A model that does not fit goes "
        "beside the program, in as many parts as it takes. `--split` overrides.",
    )
    sidecar: bool = Field(
        default=False, description="Put the model into a file beside the program, however small it is. `--sidecar`."
    )

    @field_validator("split")
    @classmethod
    def _a_size(cls, value: str) -> str:
        try:
            if value:
                parse_size(value)
        except UsageError as error:
            raise ValueError(str(error)) from None
        return value


class ArchiveTable(_Table):
    """What is packed for those who find the file in years to come."""

    sources: bool = Field(
        default=False,
        description="Also pack all that the file can be rebuilt from without a network (`pannier rebuild`): the "
        "source of llama.cpp and of Pannier, every package and tool of the build but Python and the C++ compiler, the "
        "description of the format. Some 300 MB.",
    )


class ChatTable(_Table):
    """How conversations begin and are put before the model."""

    template: str = Field(
        default="",
        description="File with a chat template in Jinja (relative to the spec), in place of the model's own.",
    )

    system_prompt: str = Field(default="", description="System prompt of the page, of `run` and of `chat`.")
    lock_system_prompt: bool = Field(
        default=False, description="Let the page's users read the system prompt, but not change it: for a classroom."
    )
    starters: list[str] = Field(default=[], description="Suggestions the page shows in an empty conversation.")


class SamplingTable(_Table):
    """How words are drawn where a request does not say: in the page, `run`, `chat` and the API."""

    temperature: Annotated[float, Field(ge=0, le=10)] = Field(
        default=0.8, description="Low answers are predictable, high ones varied; 0 always takes the likeliest word."
    )
    top_k: Annotated[int, Field(ge=0)] = Field(
        default=40, description="Only so many of the likeliest words are considered; 0 is no limit."
    )
    top_p: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.95, description="Only the likeliest words are considered, until together they are this likely."
    )
    min_p: Annotated[float, Field(ge=0, le=1)] = Field(
        default=0.05, description="Words less likely than this share of the likeliest one are left out."
    )
    repeat_penalty: Annotated[float, Field(gt=0, le=10)] = Field(
        default=1.0, description="Above 1, words that were just used become less likely."
    )
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] = Field(
        default=0.0, description="Above 0, the model turns to new words."
    )
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] = Field(
        default=0.0, description="Above 0, the more often a word was used, the less likely it becomes."
    )


class UiTable(_Table):
    """How the page looks."""

    title: str = Field(default="", description="Title of the page; by default the model's name.")
    welcome: str = Field(default="", description="Text above the first message.")
    icon: str = Field(default="", description="Icon of the page: an emoji, or an SVG document as text (at most 20 KB).")
    accent: str = Field(
        default="", description='Colour of buttons and links, as `"#24705f"`; the page keeps it readable.'
    )
    language: str = Field(
        default="",
        description="Language of the page: `ar`, `de`, `en`, `es`, `fr`, `hi`, `ja`, `ko`, `pt`, `zh`; "
        "by default the browser's.",
    )
    settings: list[str] | None = Field(
        default=None,
        description="What the page's users may set, of `temperature`, `max_tokens`, `top_p`, `top_k`, `min_p`, "
        "`repeat_penalty`, `presence_penalty`, `frequency_penalty`, `seed`, `thinking`, `form`, `tools`; by default "
        "all of it.",
    )

    @field_validator("icon")
    @classmethod
    def _an_icon(cls, value: str) -> str:
        is_svg = value.lstrip().startswith("<svg")
        if len(value.encode()) > (20_000 if is_svg else 40) or (not is_svg and "<" in value):
            raise ValueError("use an emoji, or the text of an SVG document of at most 20 KB, beginning with `<svg`")
        return value.strip()

    @field_validator("accent")
    @classmethod
    def _a_colour(cls, value: str) -> str:
        if value and not re.fullmatch(r"#[0-9a-fA-F]{6}", value):
            raise ValueError('use six hexadecimal digits, as "#24705f"')
        return value.lower()

    @field_validator("language")
    @classmethod
    def _a_language(cls, value: str) -> str:
        return _one_of(value, LANGUAGES) if value else value

    @field_validator("settings")
    @classmethod
    def _known_settings(cls, value: list[str] | None) -> list[str] | None:
        return None if value is None else [_one_of(name, SETTINGS) for name in value]


class DistSpec(_Table):
    """A whole dist-spec."""

    dist: DistTable
    model: ModelTable
    engine: EngineTable = EngineTable()
    serve: ServeTable = ServeTable()
    chat: ChatTable = ChatTable()
    sampling: SamplingTable = SamplingTable()
    ui: UiTable = UiTable()
    media: MediaTable = MediaTable()
    archive: ArchiveTable = ArchiveTable()


def load(path: Path) -> DistSpec:
    """Read and check the spec at `path`. Raises `SpecError`."""
    try:
        raw = tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise SpecError(f"The dist-spec {path} cannot be read ({error.strerror}).", "Check the path.") from None
    except UnicodeDecodeError:
        raise SpecError(f"The dist-spec {path} is not UTF-8 text.", "Save it as UTF-8.") from None
    except tomllib.TOMLDecodeError as error:
        raise SpecError(f"The dist-spec {path} is not valid TOML: {error}.", "See docs/dist-spec.md.") from None
    return parse(raw, str(path))


def parse(raw: dict[str, Any], where: str) -> DistSpec:
    """Check a spec already read. where: names its place in errors. Raises `SpecError` with every problem found."""
    try:
        return DistSpec.model_validate(raw)
    except ValidationError as error:
        problems = [_problem(dict(item)) for item in error.errors(include_url=False)]
        raise SpecError(f"{where}: " + " ".join(problems), "docs/dist-spec.md lists every key.") from None


def _problem(item: dict[str, Any]) -> str:
    """One validation error in words, with the nearest known key where one was misspelt."""
    path = ".".join(str(part) for part in item["loc"])
    if item["type"] == "extra_forbidden":
        near = difflib.get_close_matches(str(item["loc"][-1]), _keys_beside(item["loc"]), n=1)
        hint = f" Did you mean {near[0]!r}?" if near else ""
        return f"Unknown key {path!r}.{hint}"
    if item["type"] == "missing":
        return f"{path!r} is missing."
    message = str(item["msg"]).removeprefix("Value error, ")
    return f"{path!r}: {message[:1].lower()}{message[1:]} (found {item['input']!r})."


def _keys_beside(location: tuple[int | str, ...]) -> list[str]:
    model: type[BaseModel] = DistSpec
    for part in location[:-1]:
        inner = model.model_fields[str(part)].annotation
        if not (isinstance(inner, type) and issubclass(inner, BaseModel)):
            return []
        model = inner
    return list(model.model_fields)


def reference() -> str:
    """The text of docs/dist-spec.md."""
    lines = [
        "# Dist-spec",
        "",
        "<!-- Made from bundler/spec.py by `python -m bundler.spec`; a test keeps the two equal. -->",
        "",
        "A dist-spec is a TOML file that says what to pack. Unknown keys are errors. Flags of `pannier build` win.",
        "",
    ]
    for table, info in DistSpec.model_fields.items():
        inner = cast("type[BaseModel]", info.annotation)  # every field of DistSpec is a table
        lines += [
            f"## [{table}]",
            "",
            str(inner.__doc__).strip(),
            "",
            "| key | type | default | meaning |",
            "|---|---|---|---|",
        ]
        for key, field in inner.model_fields.items():
            default = "required" if field.is_required() else f"`{_toml(field.default)}`"
            lines.append(f"| `{key}` | {_type_name(field.annotation)} | {default} | {field.description} |")
        lines.append("")
    return "\n".join(lines)


def _type_name(annotation: Any) -> str:
    names = {str: "string", int: "integer", bool: "boolean", float: "number"}
    return names.get(annotation, "list of strings")


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, list):
        return "[" + ", ".join(_toml(item) for item in value) + "]"
    if value is None:
        return "all"
    return f'"{value}"' if isinstance(value, str) else str(value)


if __name__ == "__main__":
    (Path(__file__).parent.parent / "docs" / "dist-spec.md").write_text(reference(), encoding="utf-8")
