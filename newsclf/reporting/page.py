"""HTML pages and stand-alone SVG files, which load nothing and run nothing."""

from __future__ import annotations

import base64
import hashlib
import re
from functools import cache
from importlib.resources import files
from typing import NamedTuple

from newsclf.common.intervals import percent
from newsclf.common.visible import visible_value
from newsclf.reporting import text


class Card(NamedTuple):
    """A figure at the top of a page, in large type."""

    name: str
    figure: str
    words: str
    more: str = ""
    tone: str = ""
    """`good`, `bad`, or empty."""


def render_page(package: str, title: str, **context: object) -> str:
    """Render `templates/report.html.jinja` of a package, which extends `page.html.jinja`.

    Every text is escaped and free of control characters; only drawings are markup. The page's
    content security policy allows its own style, known by digest, and nothing else.
    """
    from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
    from markupsafe import Markup

    environment = Environment(
        loader=ChoiceLoader([PackageLoader(package), PackageLoader("newsclf.reporting")]),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        finalize=visible_value,
    )
    environment.globals |= {"markup": Markup, "number": text.number}
    environment.filters |= {"percent": percent, "moment": text.moment}
    style = "".join(map(_file, ("palette.css", "page.css", "chart.css")))
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    return environment.get_template("report.html.jinja").render(
        title=title,
        style=Markup(style),  # noqa: S704 - our own files
        style_source=Markup(f"'sha256-{digest}'"),  # noqa: S704 - base64
        **context,
    )


def standalone(svg: str) -> str:
    """Turn a drawing into a self-contained SVG file.

    It brings its own background and both themes. Colours are written out, since some viewers know
    no CSS variables.
    """
    [(width, height)] = re.findall(r'viewBox="0 0 ([\d.]+) ([\d.]+)"', svg)
    head, rest = svg.split("</desc>", 1)
    head = head.replace("<svg ", f'<svg width="{width}" height="{height}" ', 1)
    paper = f'<rect class="paper" width="{width}" height="{height}"/>'
    return f"{head}</desc><style>{_drawing_style()}</style>{paper}{rest}\n"


@cache
def _drawing_style() -> str:
    """The style of charts in both themes, without variables."""
    rules = _file("chart.css")
    light, dark = (
        re.sub(r"var\((--[\w-]+)\)", lambda match: colours[match[1]], rules)  # noqa: B023 - used at once
        for colours in (
            dict(re.findall(r"(--[\w-]+): (#\w+)", part))
            for part in _file("palette.css").split("@media")
        )
    )
    return f"{light}@media (prefers-color-scheme: dark) {{\n{dark}}}\n"


@cache
def _file(name: str) -> str:
    return files("newsclf.reporting").joinpath("templates", name).read_text(encoding="utf-8")
