"""Our own processes are started by one module, which never runs a file of the user."""

from __future__ import annotations

import ast
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsclf.common.interpreter import module_command

ROOT = Path(__file__).parents[2]


def starts(path: Path) -> Iterator[str]:
    """Expressions in a module that start an interpreter or name one."""
    for node in ast.walk(ast.parse(path.read_bytes())):
        match node:
            case ast.Attribute(attr="executable" | "ProcessPoolExecutor"):
                yield node.attr
            case ast.Attribute(value=ast.Name("multiprocessing"), attr=name) if name != "Pipe":
                yield name
            case ast.ImportFrom(module="sys" | "concurrent.futures", names=imported):
                words = {alias.name for alias in imported}
                yield from words & {"executable", "ProcessPoolExecutor"}
            case ast.ImportFrom(module=str(module)) if (
                module.startswith("multiprocessing") and module != "multiprocessing.connection"
            ):
                yield module


def test_only_one_module_knows_how_an_interpreter_is_started() -> None:
    found = {
        str(path.relative_to(ROOT)): used
        for folder in ("newsclf", "lambda_src")
        for path in (ROOT / folder).rglob("*.py")
        if (used := set(starts(path)))
    }

    assert found == {"newsclf/common/interpreter.py": {"executable"}}


@pytest.mark.parametrize("module", ["pip", "newsclf"])
def test_a_module_of_the_working_directory_is_not_run(module: str, tmp_path: Path) -> None:
    for name in ("pip", "newsclf", "struct"):
        (tmp_path / f"{name}.py").write_text("raise SystemExit('planted')", encoding="utf-8")

    done = subprocess.run(
        module_command(module, "--help"), cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert (done.returncode, done.stderr) == (0, "")
