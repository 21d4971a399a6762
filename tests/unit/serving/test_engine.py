"""The engine: what it makes of texts of any length, and of files that are not as they should be."""

from __future__ import annotations

import hashlib
import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tokenizers import Tokenizer

from newsclf.common.errors import ModelError
from newsclf.contract.limits import MAX_READ_CHARACTERS
from newsclf.model.directory import ENGINE_FILES, TOKENIZER_FILES
from newsclf.serving.engines import tokens
from newsclf.serving.engines.logits import PROBE
from newsclf.serving.engines.onnx_runtime import Engine
from tests.conftest import Cli
from tests.support.builders import build_serving_model, list_files, sample_rows, save_onnx

MAX_TOKENS = 256


@pytest.fixture(scope="module")
def shipped(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that no test changes."""
    folder = tmp_path_factory.mktemp("engine") / "model"
    return build_serving_model(folder, max_tokens=MAX_TOKENS)


@pytest.fixture
def model(shipped: Path, tmp_path: Path) -> Path:
    """A model to damage."""
    folder = tmp_path / "model"
    folder.mkdir()
    for path in shipped.iterdir():
        (folder / path.name).write_bytes(path.read_bytes())
    return folder


def text_tokenizer(folder: Path) -> tokens.TextTokenizer:
    return tokens.TextTokenizer(*((folder / name).read_bytes() for name in TOKENIZER_FILES))


# --- long texts

WORDS = sorted({word for text, _ in sample_rows() for word in text.split()})
_words = st.one_of(
    st.sampled_from(WORDS),
    st.text(st.characters(exclude_categories=("Z", "C")), min_size=1, max_size=38),
)


@given(words=st.lists(_words, min_size=1, max_size=40), repeats=st.integers(1, 400))
@settings(max_examples=50, deadline=None)
def test_the_cut_before_tokenizing_changes_no_token_that_is_read(
    shipped: Path, words: list[str], repeats: int
) -> None:
    text = " ".join(words * repeats)
    tokenizer = Tokenizer.from_file(str(shipped / "tokenizer.json"))
    tokenizer.enable_truncation(max_length=MAX_TOKENS)

    assert list(text_tokenizer(shipped).encode([text])) == [tokenizer.encode(text).ids]


def test_words_as_long_as_can_be_still_fit_before_the_cut() -> None:
    assert (MAX_TOKENS - 2) * (38 + 1) <= MAX_READ_CHARACTERS


@pytest.mark.parametrize("text", ["a " * 3_000_000, "!" * 6_000_000, "中" * 2_000_000, " " * 10**7])
def test_a_text_of_megabytes_costs_no_more_than_its_beginning(shipped: Path, text: str) -> None:
    engine = Engine(shipped)

    assert engine.classify([text]) == engine.classify([text[:MAX_READ_CHARACTERS]])


def test_texts_that_are_longer_than_the_model_reads_are_counted(shipped: Path) -> None:
    fits = " ".join(["a"] * (MAX_TOKENS - 2))
    assert len(next(text_tokenizer(shipped).encode([fits]))) == MAX_TOKENS

    engine = Engine(shipped)
    assert engine.truncated([fits, "", "Profit rose", "é" * 200]) == 0
    assert engine.truncated([fits + " a", fits, " " * 20_000, "a " * 9_000]) == 3
    assert tokens.count_cut(shipped, [fits + " a", fits]) == (1, MAX_TOKENS)


def test_any_number_of_texts_is_answered_in_order(shipped: Path) -> None:
    texts = [text for text, _ in sample_rows()[:200]]
    alone = [Engine(shipped).classify([text])[0] for text in texts]

    assert Engine(shipped).classify(texts) == Engine(shipped, threads=3).classify(texts) == alone
    assert Engine(shipped).classify([]) == []


# --- files that are not as they should be


@pytest.mark.parametrize("text", ["[]", "null", '"x"', "7", "{", "", "[" * 200_000, "{}"])
@pytest.mark.parametrize("name", [name for name in ENGINE_FILES if name.endswith(".json")])
def test_a_file_of_another_shape_is_a_model_error(
    model: Path, newsclf: Cli, name: str, text: str
) -> None:
    (model / name).write_text(text, encoding="utf-8")
    list_files(model)

    result = newsclf("predict", "--model", model, "Profit rose")

    assert result.exit_code == 3
    assert str(model) in result.err
    assert "card.json" not in result.err
    assert "Traceback" not in result.err


@pytest.mark.parametrize("limit", [10**30, 1e30, -1, 0, 2, 10_001, "128", None, True, [], 64.0])
def test_a_limit_of_tokens_that_is_none_is_a_model_error(model: Path, limit: object) -> None:
    config = json.dumps({"model_max_length": limit})
    (model / "tokenizer_config.json").write_text(config, encoding="utf-8")

    with pytest.raises(ModelError, match="model_max_length must be a number of tokens from 3 to"):
        Engine(model)


@pytest.mark.parametrize("classes", [1, 2, 4])
def test_another_number_of_classes_is_a_model_error(model: Path, classes: int) -> None:
    save_onnx(model / "model.onnx", np.ones((1500, classes), dtype=np.float32))

    with pytest.raises(ModelError, match=rf"the shape \[1, {classes}\], not one row of 3 classes"):
        Engine(model).classify([PROBE])


def test_a_token_that_the_model_has_not_is_a_model_error(model: Path) -> None:
    save_onnx(model / "model.onnx", np.ones((3, 3), dtype=np.float32))

    with pytest.raises(ModelError, match=r"the model failed \(.*Gather"):
        Engine(model).classify([PROBE])


@pytest.mark.parametrize("value", [math.nan, math.inf, -math.inf])
def test_scores_that_are_no_numbers_are_never_shown(
    model: Path, newsclf: Cli, value: float
) -> None:
    save_onnx(model / "model.onnx", np.full((1500, 3), value, dtype=np.float32))
    list_files(model)

    result = newsclf("predict", "--model", model, "--json", "Profit rose")

    assert (result.exit_code, result.out) == (3, "")
    assert "scores are not finite numbers" in result.err


@pytest.mark.parametrize("here", ["elsewhere", "in its folder"])
def test_weights_in_another_file_are_refused(
    model: Path, monkeypatch: pytest.MonkeyPatch, here: str
) -> None:
    options: dict[str, Any] = {
        "save_as_external_data": True,
        "location": "w.bin",
        "size_threshold": 1024,
    }
    save_onnx(model / "model.onnx", np.ones((1500, 3), dtype=np.float32), **options)
    assert (model / "w.bin").is_file()
    if here == "in its folder":
        monkeypatch.chdir(model)

    with pytest.raises(ModelError, match="External data"):
        Engine(model)


def test_files_must_be_those_of_the_digests(model: Path) -> None:
    digests = {
        name: hashlib.sha256((model / name).read_bytes()).hexdigest() for name in ENGINE_FILES
    }
    assert Engine(model, digests=digests).classify([PROBE])

    save_onnx(model / "model.onnx", np.ones((1500, 3), dtype=np.float32))
    list_files(model)  # the card fits; it came with the other file

    with pytest.raises(ModelError, match=r"model\.onnx has changed since"):
        Engine(model, digests=digests)
