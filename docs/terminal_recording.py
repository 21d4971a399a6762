"""Make docs/images/terminal.svg: a terminal in which the commands of the README are typed.

.venv/bin/python docs/terminal_recording.py MODEL     on a machine that does nothing else
"""

from __future__ import annotations

import io
import os
import re
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from rich._export_format import CONSOLE_SVG_FORMAT
from rich.console import Console
from rich.text import Text

_FILE = Path(__file__).parent / "images" / "terminal.svg"
_WIDTH = 100
_COMMANDS = (
    'newsclf predict --explain "Brewer Tarnholt cuts its profit forecast as costs rise"',
    "newsclf deploy",
    "newsclf wire-api",
    "newsclf loadtest --concurrency 1,8 --duration 10 --price-as ml.c5.large",
    "newsclf teardown --yes",
)
_TYPED_S, _READ_S, _LINE_S = 1.0, 2.0, 0.08
_WITHOUT_FONTS = re.sub(r"@font-face \{\{.*?\}\}\s*", "", CONSOLE_SVG_FORMAT, flags=re.DOTALL)
"""Rich's picture, but without fonts from the network."""


def record(model: Path) -> Iterator[tuple[str, str]]:
    """Each command with what it prints, run in an empty folder with a copy of a model."""
    scripts = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"
    environment = os.environ | {
        "PATH": scripts,
        "COLUMNS": str(_WIDTH),
        "FORCE_COLOR": "1",
        "TTY_INTERACTIVE": "0",
    }
    with tempfile.TemporaryDirectory() as folder:
        shutil.copytree(model, Path(folder) / "model")
        for command in _COMMANDS:
            done = subprocess.run(  # noqa: S602 - the commands above, as a user types them
                command,
                shell=True,
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
                check=True,
            )
            yield command, done.stdout.replace(f"{Path(folder).resolve()}/", "")


def draw(session: list[tuple[str, str]]) -> str:
    """A picture in which lines appear one by one, or all at once where motion is unwanted."""
    console = Console(file=io.StringIO(), record=True, width=_WIDTH, force_terminal=True)
    appears_s: list[float] = []
    now_s = 0.5
    for command, printed in session:
        with console.capture() as typed:
            console.print(Text.assemble(("$ ", "bold green"), (command, "bold")))
        console.print(Text.from_ansi(typed.get().rstrip("\n")))
        text = Text.from_ansi(f"{printed.rstrip()}\n")
        lines = text.wrap(console, _WIDTH)
        console.print(text)
        appears_s += [now_s] * typed.get().count("\n")
        now_s += _TYPED_S
        appears_s += [now_s + _LINE_S * number for number in range(len(lines))]
        now_s += _LINE_S * len(lines) + _READ_S
    svg = console.export_svg(title="newsclf", code_format=_WITHOUT_FONTS, unique_id="newsclf")
    rules = "".join(
        f'[clip-path="url(#newsclf-line-{number})"]{{animation-delay:{at_s:.2f}s}}\n'
        for number, at_s in enumerate(appears_s)
    )
    motion = (
        "@media (prefers-reduced-motion: no-preference) {\n"
        "@keyframes appear {from {opacity: 0} to {opacity: 1}}\n"
        '[clip-path^="url(#newsclf-line-"] {animation: appear 0.1s both}\n'
        f"{rules}}}\n"
    )
    svg = svg.replace("</style>", f"{motion}</style>", 1)
    return "\n".join(line.rstrip() for line in svg.splitlines()) + "\n"


if __name__ == "__main__":
    _FILE.write_text(draw(list(record(Path(sys.argv[1])))), encoding="utf-8")
