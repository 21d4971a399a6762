"""Model directories: found, checked, replaced whole; and the card that describes them."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest

from newsclf.common.errors import ModelError
from newsclf.common.files import file_digest
from newsclf.model.card import Parity, read_card, render_readme, write_card
from newsclf.model.directory import check_files, find_seeds, read_digests, replace_directory
from tests.support.builders import CARD_SCORE, build_card


@pytest.fixture
def model(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "weights").write_bytes(b"1234")
    write_card(folder, build_card(files={"weights": file_digest(folder / "weights")}))
    return folder


def test_a_card_comes_back(model: Path) -> None:
    folder, found = read_card(model)

    assert folder == model
    assert found == build_card(files={"weights": file_digest(model / "weights")})
    check_files(model, found.files, ["weights"])


def test_the_digest_changes_with_a_file() -> None:
    assert build_card(files={"a": "1"}).digest == build_card(files={"a": "1"}, kept_epoch=1).digest
    assert build_card(files={"a": "1"}).digest != build_card(files={"a": "2"}).digest


def test_a_changed_file_is_an_error(model: Path) -> None:
    (model / "weights").write_bytes(b"1235")

    with pytest.raises(ModelError, match="weights is not the file that its card describes"):
        check_files(model, read_digests(model), ["weights"])


def test_a_missing_file_is_an_error_with_what_makes_it(model: Path) -> None:
    with pytest.raises(ModelError, match=r"it has no model\.onnx") as caught:
        check_files(model, read_digests(model), ["model.onnx"])

    assert caught.value.hint == f"newsclf optimize --model {model}"


@pytest.mark.parametrize("path", ["nowhere", "."])
def test_a_folder_without_a_card_is_no_model(path: str) -> None:
    with pytest.raises(ModelError, match="not a model directory") as caught:
        read_card(Path(path))

    assert caught.value.hint is not None
    assert "newsclf train" in caught.value.hint


def test_a_card_of_another_version_is_an_error(model: Path) -> None:
    document = json.loads((model / "card.json").read_text(encoding="utf-8"))
    (model / "card.json").write_text(json.dumps(document | {"schema_version": 9}), encoding="utf-8")

    with pytest.raises(ModelError, match=r"card\.json: schema_version"):
        read_card(model)


def test_a_card_that_is_no_json_is_an_error(model: Path) -> None:
    (model / "card.json").write_text("{", encoding="utf-8")

    with pytest.raises(ModelError, match=r"card\.json"):
        read_card(model)
    with pytest.raises(ModelError, match=r"card\.json: cannot be read"):
        read_digests(model)


def test_several_seeds_open_as_the_best_of_them(model: Path, tmp_path: Path) -> None:
    several = tmp_path / "several"
    several.mkdir()
    for seed in (0, 1):
        (several / f"seed-{seed}").mkdir()
        write_card(several / f"seed-{seed}", build_card())
    (several / "seeds.json").write_text('{"best": "seed-1", "seeds": ["seed-0", "seed-1"]}')

    assert read_card(several)[0] == several / "seed-1"
    assert find_seeds(several) == [several / "seed-0", several / "seed-1"]
    assert find_seeds(model) == [model]


@pytest.mark.parametrize(
    "text",
    ['{"best": "../model", "seeds": []}', '{"seeds": ["seed-0"]}', '{"best": "seed-0/.."}'],
)
def test_seeds_lead_nowhere_else(tmp_path: Path, text: str) -> None:
    (tmp_path / "seeds.json").write_text(text, encoding="utf-8")

    with pytest.raises(ModelError, match=r"seeds\.json: must name the seeds"):
        read_card(tmp_path)


def test_a_directory_is_replaced_whole(model: Path, tmp_path: Path) -> None:
    new = tmp_path / "new"
    new.mkdir()
    (new / "other").touch()

    replace_directory(new, model)

    assert [path.name for path in model.iterdir()] == ["other"]
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_a_directory_is_on_the_disk_before_it_takes_the_place_of_the_old(
    model: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    new = tmp_path / "new"
    (new / "tokenizer").mkdir(parents=True)
    files = {new / "weights": "56789", new / "tokenizer/vocabulary": "12"}
    for path, text in files.items():
        path.write_text(text)
    flushed: set[tuple[int, bytes]] = set()

    def fsync(descriptor: int) -> None:
        flushed.add((os.fstat(descriptor).st_ino, (model / "weights").read_bytes()))

    expected = {(path.stat().st_ino, b"1234") for path in files}
    monkeypatch.setattr(os, "fsync", fsync)
    replace_directory(new, model)

    assert flushed == expected


def test_a_directory_that_cannot_be_replaced_stays(model: Path, tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError):
        replace_directory(tmp_path / "new", model)

    assert (model / "weights").read_bytes() == b"1234"
    assert [path.name for path in tmp_path.iterdir()] == ["model"]


def test_what_a_killed_replacement_left_aside_is_deleted_and_nothing_else(
    model: Path, tmp_path: Path
) -> None:
    new, mine, of_another = (
        tmp_path / "new",
        tmp_path / ".model-mine1234",
        ".model-teacher-a1b2c3d4",
    )
    for folder in (new, mine, tmp_path / of_another, tmp_path / ".model-a1b2c3d4/old"):
        folder.mkdir(parents=True)
    (mine / "notes.txt").touch()
    (tmp_path / ".model-zzzzzzzz").symlink_to(tmp_path / of_another)

    replace_directory(new, model)

    left = {path.name for path in tmp_path.iterdir()}
    assert left == {"model", mine.name, of_another, ".model-zzzzzzzz"}


def test_the_readme_says_what_is_known_and_what_is_not() -> None:
    text = render_readme(build_card())
    assert "90.0 % (80.0 % to 95.0 %)" in text
    assert "There is no int8 file" in text
    assert "has not been read yet" in text
    assert "learning_rate: 0.0002" in text

    parity = Parity(rows=50, agreement=0.996, float_accuracy=0.9, int8_accuracy=0.89)
    text = render_readme(build_card(int8=parity, test=CARD_SCORE))
    assert "99.6 % of 50 validation rows" in text
    assert "| test | 50 |" in text
    assert "has not been read yet" not in text

    news = Parity(rows=475, agreement=0.95, undecided=19, float_accuracy=0.6, int8_accuracy=0.59)
    text = render_readme(build_card(int8=parity, int8_headlines=news))
    assert "and on 95.0 % of 475 shipped headlines (on 19 of the others" in text
