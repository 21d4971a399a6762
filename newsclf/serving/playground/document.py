"""The page of a server: its document, and what it tells of the server."""

from __future__ import annotations

import html
import json
import shlex
from dataclasses import asdict, dataclass
from importlib.resources import files
from pathlib import Path

from newsclf.common.state_dir import DEFAULT_STATE_DIR
from newsclf.common.visible import visible
from newsclf.serving.local_page import Document, make_document


@dataclass(frozen=True, kw_only=True)
class Subject:
    """What a page tries headlines on, and how else to call it. Nothing of it is secret."""

    name: str
    """Name of a deployment, or path of a model."""
    python: str
    """Expression that makes a `newsclf.Classifier` of it."""
    start: str
    """Command that starts it again."""
    key_file: str | None = None
    """File of curl options with the key that it needs; None: it needs no key."""


def of_model(model: Path) -> Subject:
    """The subject of a page of the model server."""
    name = visible(str(model))
    return Subject(
        name=name,
        python=f"Classifier.load({_literal(name)})",
        start=f"newsclf serve {shlex.quote(name)}",
    )


def of_deployment(name: str, folder: Path, key_file: Path | None) -> Subject:
    """The subject of a page of a deployment's API.

    Args:
        name: Name of the deployment.
        folder: Folder of its logs in the state directory.
        key_file: File with the key of the API; None: it needs none.
    """
    state_dir = _shown(folder.parents[1])
    arguments = _literal(name)
    if state_dir != str(DEFAULT_STATE_DIR):
        arguments += f", state_dir={_literal(state_dir)}"
    return Subject(
        name=name,
        python=f"Classifier.connect({arguments})",
        start=f"newsclf wire-api --deployment {name}",
        key_file=None if key_file is None else _shown(key_file),
    )


def playground(subject: Subject) -> Document:
    """Put the page of a server together."""
    page = _asset("page.html").replace("{{ name }}", _escaped(subject.name))
    page = page.replace("{{ subject }}", _escaped(json.dumps(asdict(subject))))
    return make_document(page, style=_asset("page.css"), script=_asset("page.js"))


def _escaped(text: str) -> str:
    """Escape a text for HTML, and so that it holds no place of `make_document`."""
    return html.escape(text).replace("{", "&#123;")


def _shown(path: Path) -> str:
    """A path as it is typed in the working folder, if it is below that."""
    absolute, here = path.absolute(), Path.cwd()
    return visible(str(absolute.relative_to(here) if absolute.is_relative_to(here) else absolute))


def _literal(text: str) -> str:
    """A text without control characters as a Python literal."""
    return json.dumps(text, ensure_ascii=False)


def _asset(name: str) -> str:
    return files("newsclf.serving.playground").joinpath("assets", name).read_text(encoding="utf-8")
