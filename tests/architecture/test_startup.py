"""Start-up: the command line loads nothing heavy, and predicting needs no training packages."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.support.builders import EXTRAS

ROOT = Path(__file__).parents[2]
HEAVY = [
    "torch",
    "transformers",
    "datasets",
    "boto3",
    "sagemaker",
    "httpx",
    "pydantic",
    "onnxruntime",
    "numpy",
    "sklearn",
    "huggingface_hub",
    "tokenizers",
]


def run_python(code: str, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code], cwd=cwd, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("arguments", [["--help"], ["train", "--help"], ["predict", "--help"]])
def test_help_loads_nothing_heavy(arguments: list[str]) -> None:
    # Typer itself loads pydantic to read the arguments of a command.
    heavy = HEAVY if arguments == ["--help"] else [name for name in HEAVY if name != "pydantic"]
    result = run_python(
        f"""
import sys
sys.argv = ["newsclf", *{arguments!r}]
from newsclf.cli.main import main
try:
    main()
except SystemExit:
    pass
print([name for name in {heavy!r} if name in sys.modules], file=sys.stderr)
"""
    )

    assert "Usage: newsclf" in result.stdout
    assert result.stderr.strip() == "[]"


def test_the_process_that_speaks_http_loads_no_engine() -> None:
    heavy = [name for name in HEAVY if name != "pydantic"]
    result = run_python(
        "import sys, newsclf.serving.server;"
        f" print([name for name in {heavy!r} if name in sys.modules])"
    )

    assert result.stdout.strip() == "[]", result.stderr


def test_the_base_install_asks_for_no_training_packages() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    names = {re.split(r"[<>=\[ ]", requirement)[0] for requirement in project["dependencies"]}

    assert not names & {"torch", "transformers", "datasets", "sagemaker", "boto3", "scikit-learn"}


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["train", "--data", "sample"], "pip install '.[train]'"),
        (["evaluate"], "pip install '.[train]'"),
    ],
)
def test_without_the_extras_commands_say_what_to_install(
    arguments: list[str], said: str, tmp_path: Path
) -> None:
    result = run_python(
        f"""
import sys
sys.path.insert(0, {str(ROOT)!r})

class Missing:
    def find_spec(self, name, path=None, target=None):
        if name.partition(".")[0] in {EXTRAS!r}:
            raise ModuleNotFoundError(name)

sys.meta_path.insert(0, Missing())
import importlib.util
real = importlib.util.find_spec
import newsclf.common.errors as extras
extras.find_spec = lambda name: None if name in {EXTRAS!r} else real(name)
sys.argv = ["newsclf", *{arguments!r}]
from newsclf.cli.main import main
main()
""",
        cwd=tmp_path,
    )

    assert "Traceback" not in result.stderr, result.stderr
    assert said in result.stderr
    assert result.returncode in (2, 3)


def test_the_wheel_holds_what_commands_read(tmp_path: Path) -> None:
    built = subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", tmp_path, ROOT],
        capture_output=True,
        text=True,
        check=False,
    )
    assert built.returncode == 0, built.stderr
    listed = run_python(
        f"""
import glob, json, zipfile
print(json.dumps(zipfile.ZipFile(glob.glob({str(tmp_path / "*.whl")!r})[0]).namelist()))
"""
    )
    names = set(json.loads(listed.stdout))

    assert {
        "newsclf/data/headlines.csv",
        "newsclf/configs/default.toml",
        "newsclf/configs/demo.toml",
        "newsclf/configs/prices.toml",
        "newsclf/configs/unseen.toml",
        "newsclf/evaluation/report/templates/report.html.jinja",
        "newsclf/evaluation/unseen/report/templates/report.html.jinja",
        "newsclf/py.typed",
        "lambda_src/handler.py",
    } <= names
    assert not [name for name in names if name.startswith("tests")]


def test_onnx_runtime_does_not_report_to_its_makers() -> None:
    told = "import os, newsclf; print(os.environ['ORT_DISABLE_TELEMETRY'])"

    assert run_python(told).stdout.strip() == "1"
