"""The guide to the Python API and its notebook, executed."""

from __future__ import annotations

import datetime as dt
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from newsclf.deploy.local.target import LocalTarget
from newsclf.deploy.records import ApiRequest
from newsclf.watch.item import Item
from tests.support.watching import BAR_S, Watching

DOCS = Path(__file__).parents[2] / "docs"


@pytest.fixture
def deployed(trained: Path) -> Iterator[None]:
    """`model` and the deployment `news` of it, in the working folder."""
    shutil.copytree(trained / "model", "model")
    target = LocalTarget(Path(".newsclf"))
    target.deploy("news", Path("model"), port=0, workers=1)
    target.wire_api("news", ApiRequest(auth="api-key", runtimes=1, rate_per_s=1000, burst=1000))
    yield
    target.teardown("news")


@pytest.fixture
def record() -> Iterator[None]:
    """A record with a headline and a bar, as `record.db` in the working folder."""
    watching = Watching(Path("record.db"))
    watching.deliver(
        "wire", Item(title="Nvidia lifts its forecast", url="https://news.example/1", id="1")
    )
    watching.score()
    watching.pass_(BAR_S)
    yield
    watching.close()


@pytest.mark.serial
@pytest.mark.usefixtures("deployed", "record")
def test_the_guide_holds_what_it_says() -> None:
    text = (DOCS / "python.md").read_text(encoding="utf-8")
    blocks = re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL)
    names: dict[str, object] = {"dt": dt}

    for block in blocks:
        exec(compile(block, "docs/python.md", "exec"), names)  # noqa: S102 - it is ours

    assert len(blocks) == 6
    assert names["signals"] is not None


@pytest.mark.serial
def test_the_notebook_runs_from_its_first_cell_to_its_last(trained: Path) -> None:
    shutil.copytree(trained / "model", "model")
    shutil.copy(DOCS / "notebooks" / "python.ipynb", "python.ipynb")
    scripts = str(Path(sys.executable).parent)

    done = subprocess.run(
        [f"{scripts}/jupyter-execute", "--inplace", "python.ipynb"],
        env=os.environ | {"PATH": f"{scripts}{os.pathsep}{os.environ['PATH']}"},
        capture_output=True,
        text=True,
        check=False,
    )

    assert done.returncode == 0, done.stderr
    cells = json.loads(Path("python.ipynb").read_text(encoding="utf-8"))["cells"]
    counts = [cell["execution_count"] for cell in cells if cell["cell_type"] == "code"]
    assert counts == list(range(1, len(counts) + 1))
    assert "removed, and nothing is left" in "".join(cells[-1]["outputs"][0]["text"])
    assert not list(Path(".newsclf/deployments").glob("*.json"))
