"""What belongs into the frozen runtime and what must stay out. Data only."""

from __future__ import annotations

BOOTLOADERS_ARCHIVE = "runtime.pkg"
"""Name of the entry that PyInstaller's bootloader looks for, where that is the stub."""

# Modules that are imported by name at run time, or chosen by configuration, so that analysis does not see them.
EXTRA = (
    "fastapi",
    "jinja2",
    "jinja2.ext",
    "jinja2.sandbox",
    "llama_cpp._ctypes_extensions",
    "llama_cpp.llama_cpp",
    "platformdirs",
    "pydantic",
    "starlette.responses",
    "starlette.staticfiles",
    "uvicorn",
    "uvicorn.lifespan.off",
    "uvicorn.lifespan.on",
    "uvicorn.loops.asyncio",
    "uvicorn.protocols.http.h11_impl",
    "zstandard",
)

# Never inside, whatever imports them.
EXCLUDED = (
    # The build side, and what only it or the tests use.
    *("bundler", "PyInstaller", "gguf", "hypothesis", "mypy", "numpy", "pip", "pkg_resources", "_pytest", "pytest"),
    *("pygments", "rich", "setuptools", "wheel", "yaml", "diskcache", "packaging", "anyio.pytest_plugin"),
    # llama-cpp-python's package, except its plain ctypes layer.
    *("llama_cpp.llama", "llama_cpp.llama_grammar", "llama_cpp.llama_types", "llama_cpp.server", "llama_cpp._ggml"),
    # Optional dependencies of fastapi, starlette, uvicorn and anyio that happen to be installed.
    *("a2wsgi", "certifi", "dotenv", "email_validator", "httptools", "httpx", "multipart", "orjson"),
    *("python_multipart", "sniffio", "trio", "ujson", "uvloop", "watchfiles", "websockets", "wsproto"),
    # Nothing here opens a connection.
    *("requests", "urllib3", "charset_normalizer", "cryptography", "_cffi_backend"),
    # Telemetry: fastapi cannot be imported without the API; without SDK and exporters it cannot send anything.
    *("opentelemetry.exporter", "opentelemetry.instrumentation", "opentelemetry.sdk"),
    # The C backend is enough.
    *("zstandard._cffi", "zstandard.backend_cffi", "zstandard.backend_rust", "cffi", "pycparser"),
    # Parts of the standard library nobody needs here. readline would also put GPL code into every dist.
    *("bdb", "cProfile", "curses", "distutils", "doctest", "ensurepip", "idlelib", "lib2to3", "pdb", "profile"),
    *("pstats", "pydoc", "readline", "sqlite3", "test", "tkinter", "turtle", "unittest", "_uuid", "venv"),
    *("xml", "xmlrpc"),
)

# PyInstaller's runtime hooks that run before our code and that it does not need: they would import inspect, pkgutil
# and multiprocessing at every start.
DROPPED_HOOKS = ("pyi_rth_inspect", "pyi_rth_pkgutil", "pyi_rth_multiprocessing")

ZLIB_LEVEL = 9
"""Of a one-file program's members and of each Python module in it; the level costs nothing at run time.

A runtime in a folder is stored without compression in itself: it is compressed as a whole, and unpacked once.
"""

# Shared libraries that come from the system Python was built on: stem → (what it is, its licence, Debian's package).
SYSTEM_LIBRARIES = {
    "libbz2": ("bzip2", "bzip2-1.0.6", "libbz2-1.0"),
    "libcrypto": ("OpenSSL", "Apache-2.0", "libssl3"),
    "libexpat": ("Expat", "MIT", "libexpat1"),
    "libffi": ("libffi", "MIT", "libffi8"),
    "libgcc_s": ("libgcc", "GPL-3.0-or-later WITH GCC-exception-3.1", "libgcc-s1"),
    "liblzma": ("XZ Utils liblzma", "0BSD", "liblzma5"),
    "libmpdec": ("libmpdec", "BSD-2-Clause", "libmpdec3"),
    "libssl": ("OpenSSL", "Apache-2.0", "libssl3"),
    "libstdc++": ("libstdc++", "GPL-3.0-or-later WITH GCC-exception-3.1", "libstdc++6"),
    "libz": ("zlib", "Zlib", "zlib1g"),
    "vcruntime": ("Microsoft Visual C++ runtime", "LicenseRef-MSVC-Runtime", ""),
}
