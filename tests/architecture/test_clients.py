"""HTTP clients are made in one module, so that none sends loopback through a proxy."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKERS = {
    "httpx": {
        "Client",
        "AsyncClient",
        "HTTPTransport",
        "AsyncHTTPTransport",
        "request",
        "stream",
        "get",
        "options",
        "head",
        "post",
        "put",
        "patch",
        "delete",
    },
    "aiohttp": {"ClientSession", "request"},
}
OTHERS = {"requests", "urllib3", "urllib.request", "http.client"}


def clients_made_in(module: Path) -> list[str]:
    found = []
    for node in ast.walk(ast.parse(module.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name):
            if node.attr in MAKERS.get(node.value.id, ()):
                found.append(f"{node.value.id}.{node.attr}")
        elif isinstance(node, ast.ImportFrom):
            module_name = node.module or ""
            names = {alias.name for alias in node.names}
            found += [f"{module_name}.{n}" for n in names & MAKERS.get(module_name, set())]
            full_names = {f"{module_name}.{name}" for name in names} | {module_name}
            found += sorted(full_names & OTHERS)
        elif isinstance(node, ast.Import):
            found += sorted({alias.name for alias in node.names} & OTHERS)
    return found


def test_http_clients_are_made_in_one_place() -> None:
    made = {
        str(path.relative_to(ROOT)): set(clients)
        for folder in ("newsclf", "lambda_src")
        for path in (ROOT / folder).rglob("*.py")
        if (clients := clients_made_in(path))
    }

    assert made == {
        "newsclf/deploy/http_client.py": {"httpx.Client", "httpx.AsyncClient"},
        # Speaks to a browser that it started, over WebSockets, which httpx lacks.
        "newsclf/watch/page/picture.py": {"aiohttp.ClientSession"},
    }
