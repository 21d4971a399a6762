"""AWS resources are created and deleted by one walk, which records each step and repeats it."""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).parents[2]
WALK = "newsclf/deploy/aws/walk/apply.py"


def steps_of_others_in(module: Path) -> list[str]:
    """Calls of `ensure` and `delete` on anything but the module's own object."""
    return [
        ast.unparse(node)
        for node in ast.walk(ast.parse(module.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and node.func.attr in {"ensure", "delete"}
        and not (isinstance(node.func.value, ast.Name) and node.func.value.id == "self")
    ]


def test_only_the_walk_ensures_and_deletes_resources() -> None:
    modules = [
        *(ROOT / "newsclf/deploy/aws").rglob("*.py"),
        *(ROOT / "newsclf/training/sagemaker").rglob("*.py"),
    ]
    found = {str(path.relative_to(ROOT)): steps_of_others_in(path) for path in modules}

    assert {path for path, calls in found.items() if calls} == {WALK}
