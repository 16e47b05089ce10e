"""Watches every process of a dist for attempts to reach anybody: strace, and how its record is read."""

from __future__ import annotations

import re
from pathlib import Path

from tests import requirements

_CALLS = "connect,sendto,sendmsg,sendmmsg"
_ADDRESSED = re.compile(r"\b(?:connect|sendto|sendmsg|sendmmsg)\(.*sa_family=AF_INET")
# What would make a program that wants to reach somebody do so.
TEMPTATIONS = {
    **dict.fromkeys(("OTEL_TRACES_EXPORTER", "OTEL_METRICS_EXPORTER", "OTEL_LOGS_EXPORTER"), "otlp"),
    "OTEL_EXPORTER_OTLP_ENDPOINT": "http://192.0.2.1:4318",
    "OTEL_EXPORTER_OTLP_PROTOCOL": "http/protobuf",
    "OTEL_SERVICE_NAME": "pannier",
    "OTEL_SDK_DISABLED": "false",
    "OTEL_PYTHON_LOGGING_AUTO_INSTRUMENTATION_ENABLED": "true",
    "FASTAPI_OTEL_AUTO_CONFIGURE": "true",
    "HF_ENDPOINT": "http://192.0.2.2",
    "HF_TOKEN": "hf_none",
    "HF_HUB_OFFLINE": "0",
    "HF_HUB_ENABLE_HF_TRANSFER": "1",
    **dict.fromkeys(("HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"), "http://192.0.2.3:3128"),
}  # fmt: skip


def traced(program: Path, folder: Path) -> tuple[Path, Path]:
    """A program that is `program` under strace, and the file with what it and its children tried."""
    strace, record = requirements.tool("strace"), folder / "record"
    wrapper = folder / "traced"
    wrapper.write_text(
        f'#!/bin/sh\nexec {strace} -f --seccomp-bpf -qq -e trace={_CALLS},execve -o {record} {program} "$@"\n'
    )
    wrapper.chmod(0o755)
    return wrapper, record


def attempts(record: str) -> list[str]:
    """Lines in which somebody was addressed over a network; answers on connections that came in address nobody."""
    return [line for line in record.splitlines() if _ADDRESSED.search(line)]
