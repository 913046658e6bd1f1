"""Dependencies point one way, and heavy libraries are imported where they are used."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MAPPED = ("agents", "tools", "graphs", "prompts")
HEAVY = {
    "torch", "transformers", "chromadb", "langgraph", "onnxruntime", "rapidocr", "xllamacpp", "trafilatura",
    "pypdfium2", "ddgs", "cv2", "openai", "jsonschema", "json_repair", "httpx2", "httpcore2", "playwright", "libzim",
}  # fmt: skip
NETWORK = {
    "requests", "httpx", "httpx2", "httpcore", "httpcore2", "h11", "aiohttp", "urllib3", "primp", "pycurl", "curl_cffi",
    "websockets", "playwright", "selenium", "socket", "socketserver", "urllib.request", "urllib.robotparser",
    "http.client", "http.server", "http.cookiejar", "ftplib", "smtplib", "telnetlib", "imaplib", "poplib", "nntplib",
    "xmlrpc", "webbrowser", "ddgs", "openai", "huggingface_hub", "fsspec", "trafilatura.downloads", "trafilatura.feeds",
    "trafilatura.spider", "trafilatura.sitemaps", "lxml.html.submit_form", "torch.hub", "transformers.image_utils",
}  # fmt: skip
"""What opens connections, or can be talked into it."""
MAY_OPEN = {
    # the one transport, each part only what it needs
    "foveal.tools.fetch.wire": {"httpcore2"},
    "foveal.tools.fetch.resolve": {"socket"},
    "foveal.tools.fetch.policy": {"httpx2"},  # its parser of addresses
    "foveal.tools.fetch.fetcher": {"httpx2", "httpcore2"},  # certificates, types
    "foveal.tools.fetch.browser": {"playwright"},  # every request of which is answered by the transport
    # brings a transport of its own: asks the search services that the user names, and opens no result
    "foveal.tools.search.ddgs": {"ddgs"},
    # the official client of the endpoint that the user names, and its errors
    **{f"foveal.tools.models.openai_{part}": {"openai"} for part in ("endpoint", "errors", "retry", "wire")},
    # llama.cpp in this process, by socket file or loopback
    "foveal.tools.models.engine": {"socket"},
    "foveal.tools.models.door": {"socket", "http.client"},
    "foveal.tools.models.hub": {"httpx2"},  # fetches models, when a person asks for one
    "foveal.tools.models.hf_card": {"huggingface_hub"},
    "foveal.tools.embed.checkpoint": {"huggingface_hub"},
    "foveal.tools.index.lock": {"socket"},  # this machine's name
}
OPENERS = {
    "urlopen", "urlretrieve", "fetch_url", "fetch_response", "load_image", "open_connection", "create_connection",
    "getaddrinfo", "gethostbyname", "load_state_dict_from_url", "read_html", "create_datagram_endpoint",
}  # fmt: skip
"""Functions that open an address, whatever they are imported from; and below, those that do when they are given one."""
PARSERS = ("html.parse", "etree.parse", "objectify.parse", "Image.open")
MAY_CALL = {
    "foveal.tools.fetch.resolve": {"getaddrinfo"},
    "foveal.tools.images.store": {"Image.open"},  # its own files
}

BASE = {"types", "errors", "settings", "protocols", "hidden", "__version__"}
ALLOWED = {
    "types": set(),
    "hidden": set(),
    "errors": set(),
    "protocols": {"types", "errors"},
    "settings": {"types", "errors"},
    "prompts": BASE | {"prompts"},
    "agents": BASE | {"prompts", "agents"},
    "tools": BASE | {"tools"},
    "graphs": BASE | {"prompts", "agents", "tools", "graphs"},
    "sessions": BASE | {"prompts", "agents", "tools", "sessions"},
    "turn": BASE | {"prompts", "agents", "tools", "graphs", "runtime", "sessions", "turn", "api"},
    "runtime": BASE | {"prompts", "agents", "tools", "graphs", "runtime"},
    "taping": BASE | {"prompts", "agents", "tools", "graphs", "runtime", "taping"},
    "run": BASE | {"agents", "tools", "graphs", "runtime", "taping", "run"},
    "api": BASE | {"agents", "tools", "runtime", "turn", "taping", "run", "api"},
    "outfile": {"errors"},
    "standalone": {"hidden"},
    "export": BASE | {"tools", "outfile", "standalone", "export"},
    "evaluation": BASE
    | {"prompts", "agents", "tools", "graphs", "runtime", "api", "outfile", "standalone", "evaluation"},
}
"""What each layer may import; layers that are not named (cli, doctor, the package itself) are on top."""


def _modules() -> list[tuple[str, Path]]:
    """Every source file with its dotted name below ``foveal``."""
    found = []
    for folder in ("foveal", *MAPPED):
        for path in sorted((ROOT / folder).rglob("*.py")):
            parts = list(path.relative_to(ROOT).with_suffix("").parts)
            parts = parts[1:] if folder == "foveal" else parts
            if parts and parts[-1] == "__init__":
                parts = parts[:-1]
            found.append((".".join(["foveal", *parts]), path))
    return found


MODULES = _modules()
IDS = [name for name, _ in MODULES]


def _imports(name: str, path: Path, *, top_level: bool) -> Iterator[str]:
    """Yield what a module imports: anywhere, or only when it is itself imported."""
    tree = ast.parse(path.read_text("utf-8"))
    package = name if path.name == "__init__.py" else name.rpartition(".")[0]
    for node in _run_at_import(tree) if top_level else ast.walk(tree):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                parents = package.split(".")[: len(package.split(".")) - node.level + 1]
                base = ".".join([*parents, *filter(None, [node.module])])
            yield base
            yield from (f"{base}.{alias.name}" for alias in node.names)


def _run_at_import(node: ast.AST) -> Iterator[ast.AST]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef | ast.Lambda):
            continue
        if isinstance(child, ast.If) and "TYPE_CHECKING" in ast.unparse(child.test):
            continue
        yield child
        yield from _run_at_import(child)


def _openers(source: str) -> Iterator[str]:
    """Yield what a module calls or imports that opens addresses, and modules that it imports by a name in quotes."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.ImportFrom):
            yield from OPENERS.intersection(alias.name for alias in node.names)
        elif isinstance(node, ast.Attribute) and node.attr in OPENERS:
            yield node.attr
        elif isinstance(node, ast.Call):
            called, given = ast.unparse(node.func), [ast.unparse(arg) for arg in node.args]
            if called.endswith(PARSERS) and not (given and given[0].startswith("io.BytesIO(")):
                yield called
            elif called in ("__import__", "importlib.import_module"):
                yield from (name for name in (arg.strip("'") for arg in given) if _within(name, NETWORK))


def _within(name: str, packages: set[str]) -> bool:
    return any(name == package or name.startswith(package + ".") for package in packages)


def _layer(name: str) -> str:
    return name.split(".")[1] if "." in name else ""


def test_there_is_something_to_check() -> None:
    assert len(MODULES) > 30


@pytest.mark.parametrize(("name", "path"), MODULES, ids=IDS)
def test_dependencies_point_one_way(name: str, path: Path) -> None:
    allowed = ALLOWED.get(_layer(name))
    if allowed is None:
        return
    for imported in _imports(name, path, top_level=False):
        if imported.startswith("foveal."):
            assert _layer(imported) in allowed, f"{name} must not import {imported}"


@pytest.mark.parametrize(("name", "path"), MODULES, ids=IDS)
def test_mapped_folders_are_imported_through_foveal(name: str, path: Path) -> None:
    for imported in _imports(name, path, top_level=False):
        assert imported.split(".")[0] not in MAPPED, f"{name} imports {imported}; write foveal.{imported}"


@pytest.mark.parametrize(("name", "path"), MODULES, ids=IDS)
def test_only_the_fetcher_speaks_to_the_network(name: str, path: Path) -> None:
    for imported in _imports(name, path, top_level=False):
        assert not _within(imported, NETWORK - MAY_OPEN.get(name, set())), f"{name} imports {imported}"
    opened = set(_openers(path.read_text("utf-8"))) - MAY_CALL.get(name, set())
    assert not opened, f"{name} uses {opened}; addresses are opened by foveal.tools.fetch"


@pytest.mark.parametrize(
    "line",
    [
        "from urllib.request import urlopen", "import httpcore2", "def f():\n    import primp",
        "import websockets.client", "from trafilatura import fetch_url", "import trafilatura\ntrafilatura.fetch_url('http://a.test')",
        "import asyncio\nasyncio.open_connection('a.test', 80)", "loop.create_connection(f, 'a.test', 80)",
        "from PIL import Image\nImage.open(reply.raw)", "import lxml.html\nlxml.html.parse('http://a.test')",
        "__import__('socket')", "import importlib\nimportlib.import_module('requests')",
    ],
)  # fmt: skip
def test_a_way_around_the_fetcher_is_seen(line: str, tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(line)
    with pytest.raises(AssertionError, match=r"imports|uses"):
        test_only_the_fetcher_speaks_to_the_network("foveal.tools.bad", path)


@pytest.mark.parametrize(("name", "path"), MODULES, ids=IDS)
def test_heavy_libraries_are_imported_where_they_are_used(name: str, path: Path) -> None:
    for imported in _imports(name, path, top_level=True):
        if imported.split(".")[0] == "langgraph" and name.startswith("foveal.graphs"):
            continue
        if imported.startswith("httpcore2") and name == "foveal.tools.fetch.wire":
            continue  # is itself imported where it is used
        assert imported.split(".")[0] not in HEAVY, f"{name} imports {imported} at its top"


@pytest.mark.parametrize("name", [name for name in IDS if name.startswith("foveal.cli")])
def test_commands_import_no_layer_at_their_top(name: str) -> None:
    path = dict(MODULES)[name]
    for imported in _imports(name, path, top_level=True):
        assert not _within(imported, {f"foveal.{folder}" for folder in MAPPED}), f"{name} imports {imported}"


def test_a_wrong_import_is_seen(tmp_path: Path) -> None:
    path = tmp_path / "bad.py"
    path.write_text(
        "def f():\n    from foveal.tools.index import x\n    import tools.y\nfrom . import z\nimport torch\n"
    )
    found = set(_imports("foveal.agents.bad", path, top_level=False))
    assert {"foveal.tools.index.x", "tools.y", "foveal.agents.z", "torch"} <= found
    assert "torch" in set(_imports("foveal.agents.bad", path, top_level=True))
    assert "tools.y" not in set(_imports("foveal.agents.bad", path, top_level=True))
