"""The Python API: its names and signatures stay, and importing it costs nothing."""

from __future__ import annotations

import inspect
import subprocess
import sys
from collections.abc import Callable

import pytest

import newsclf
import newsclf.loadtest
import newsclf.watch

SIGNATURES: dict[Callable[..., object], str] = {
    newsclf.Classifier.load: "(model: 'str | Path' = 'model') -> 'Classifier'",
    newsclf.Classifier.connect: (
        "(deployment: 'str' = 'news', *, state_dir: 'str | Path' = PosixPath('.newsclf'),"
        " header_file: 'str | Path | None' = None) -> 'Classifier'"
    ),
    newsclf.Classifier.classify: "(self, headlines: 'Sequence[str]') -> 'list[Prediction]'",
    newsclf.Classifier.explain: "(self, headlines: 'Sequence[str]') -> 'list[Answer]'",
    newsclf.Classifier.classify_frame: (
        "(self, frame: 'pd.DataFrame', *, text_column: 'str' = 'text') -> 'pd.DataFrame'"
    ),
    newsclf.loadtest.measure: (
        "(deployment: 'str' = 'news', *, url: 'str | None' = None, users: 'Sequence[int]' = (),"
        " rates_per_s: 'Sequence[float]' = (), objectives: 'Sequence[str]' = (),"
        " duration_s: 'float' = 20, price_as: 'str | None' = None,"
        " state_dir: 'str | Path' = '.newsclf') -> 'Summary'"
    ),
    newsclf.watch.read_signals: (
        "(record: 'str | Path' = PosixPath('.newsclf/watch/record.db'), *,"
        " until: 'dt.datetime | None' = None) -> 'list[SignalRow]'"
    ),
    newsclf.watch.read_headlines: (
        "(record: 'str | Path' = PosixPath('.newsclf/watch/record.db'), *,"
        " until: 'dt.datetime | None' = None) -> 'list[ItemRow]'"
    ),
}


def test_public_names_are_those_that_users_were_promised() -> None:
    assert newsclf.__all__ == ["Answer", "Classifier", "NewsclfError", "Prediction", "__version__"]
    assert newsclf.loadtest.__all__ == ["measure"]
    assert newsclf.watch.__all__ == ["read_headlines", "read_signals"]
    for module in (newsclf, newsclf.loadtest, newsclf.watch):
        assert dir(module)
        for name in module.__all__:
            assert getattr(module, name).__doc__


def test_public_functions_keep_their_arguments() -> None:
    assert {function: str(inspect.signature(function)) for function in SIGNATURES} == SIGNATURES


def test_a_name_that_does_not_exist_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'Clasifier'"):
        newsclf.Clasifier  # type: ignore[attr-defined]  # noqa: B018 - it is what is tested


def test_importing_the_package_loads_nothing_heavy() -> None:
    code = """
import sys
from collections.abc import Callable
import newsclf, newsclf.loadtest, newsclf.watch
print([n for n in ("numpy", "pydantic", "httpx", "onnxruntime", "sqlalchemy") if n in sys.modules])
from newsclf import Classifier
print([n for n in ("onnxruntime", "torch", "pandas", "boto3") if n in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout == "[]\n[]\n"
