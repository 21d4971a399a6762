"""How to install what is missing, by where newsclf itself came from."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from newsclf.common.errors import install_command

CLONE = "pip install '.[watch]' in the clone of newsclf"


@pytest.fixture
def came_from(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """What pip has noted of an installation of newsclf that comes before all others."""
    noted = tmp_path / "packages" / "newsclf-9.dist-info" / "direct_url.json"
    noted.parent.mkdir(parents=True)
    noted.with_name("METADATA").write_text("Name: newsclf\nVersion: 9\n", encoding="utf-8")
    monkeypatch.syspath_prepend(str(noted.parents[1]))
    return noted


def test_from_a_wheel_the_command_names_the_wheel(came_from: Path, tmp_path: Path) -> None:
    wheel = tmp_path / "my wheels" / "newsclf-9-py3-none-any.whl"
    origin = {"url": wheel.as_uri(), "archive_info": {}}
    came_from.write_text(json.dumps(origin), encoding="utf-8")
    assert install_command("watch") == CLONE, "it is gone"

    wheel.parent.mkdir()
    wheel.touch()
    assert install_command("watch") == f"pip install '{wheel}[watch]'"


@pytest.mark.parametrize(
    "origin", ["", "{", '{"url": "file:///a", "dir_info": {"editable": true}}']
)
def test_from_anything_else_it_names_the_clone(came_from: Path, origin: str) -> None:
    came_from.write_text(origin, encoding="utf-8")

    assert install_command("watch") == CLONE
