"""Folders and Hub data sets: those of Hugging Face's libraries, and PhraseBank's."""

from __future__ import annotations

import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import datasets
import pytest

from newsclf.common.errors import DataError, DownloadError
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data import hub
from newsclf.data.sources import hub_data, load_data, load_texts
from tests.support.builders import write_csv
from tests.support.hub import serve_hub

NAMES = ["bearish", "bullish", "neutral"]
ROWS = [("Osker shrinks", "negative"), ("Brenta grows", "positive"), ("Vellin moves", "neutral")]
TEST_ROWS = [("Osker falls", "negative"), ("Brenta rises", "positive")]


def labelled(source: Path | str, **values: object) -> list[tuple[str, str]]:
    data = load_data(DataSettings.model_validate({"source": str(source), **values}))
    return [(example.text, LABELS[example.label_id]) for example in data.examples]


def dataset_of(rows: list[tuple[str, str]]) -> Any:
    """A `datasets.Dataset` with a ClassLabel column."""
    numbers = {"negative": 0, "positive": 1, "neutral": 2}
    features = datasets.Features(
        {"sentence": datasets.Value("string"), "label": datasets.ClassLabel(names=NAMES)}
    )
    values = {"sentence": [t for t, _ in rows], "label": [numbers[label] for _, label in rows]}
    return datasets.Dataset.from_dict(values, features=features)


@pytest.fixture(autouse=True)
def _own_caches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Caches of Hugging Face's libraries in the test's folder."""
    monkeypatch.setattr(datasets.config, "HF_DATASETS_CACHE", tmp_path / "cache" / "datasets")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "cache" / "hub"))
    datasets.disable_progress_bars()


def test_a_dataset_that_was_saved_to_disk_is_read_with_its_class_names(tmp_path: Path) -> None:
    dataset_of(ROWS).save_to_disk(tmp_path / "saved")

    assert labelled(tmp_path / "saved") == ROWS
    arrow = next((tmp_path / "saved").glob("*.arrow"))
    assert labelled(arrow) == ROWS


def test_of_several_splits_train_is_read_unless_another_is_named(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    datasets.DatasetDict({"train": dataset_of(ROWS), "test": dataset_of(TEST_ROWS)}).save_to_disk(
        folder
    )

    data = load_data(DataSettings(source=str(folder)))

    assert [example.text for example in data.examples] == [text for text, _ in ROWS]
    assert f"the split 'train' is read, and not test ({folder}:{{split}})" in data.notes
    assert labelled(f"{folder}:test") == TEST_ROWS
    with pytest.raises(DataError, match="no split 'dev'; it has train, test"):
        labelled(f"{folder}:dev")


def hub_folder(folder: Path) -> Path:
    """A data set in the layout of the Hub, with two splits."""
    (folder / "data").mkdir(parents=True)
    for split, rows in (("train", ROWS), ("test", TEST_ROWS)):
        dataset_of(rows).to_parquet(folder / "data" / f"{split}-00000-of-00001.parquet")
    (folder / "README.md").write_text("# A data set\n", encoding="utf-8")
    return folder


def test_a_folder_in_the_layout_of_the_hub_is_read(tmp_path: Path) -> None:
    folder = hub_folder(tmp_path / "cloned")

    assert labelled(folder) == ROWS
    assert labelled(f"{folder}:test") == TEST_ROWS
    assert labelled(folder / "data" / "test-00000-of-00001.parquet") == TEST_ROWS


def test_a_folder_of_csv_files_is_read(tmp_path: Path) -> None:
    folder = tmp_path / "csv"
    folder.mkdir()
    write_csv(folder / "train.csv", [("text", "label"), *ROWS])

    assert labelled(folder) == ROWS


def test_the_same_rows_in_a_folder_have_the_same_digest(tmp_path: Path) -> None:
    dataset_of(ROWS).save_to_disk(tmp_path / "a")
    dataset_of(ROWS).save_to_disk(tmp_path / "b", num_shards=2)
    digests = {load_data(DataSettings(source=str(tmp_path / name))).digest for name in "ab"}

    assert len(digests) == 1


def test_a_folder_without_data_files_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes").mkdir()

    with pytest.raises(DataError, match="a folder without data files"):
        labelled(tmp_path / "notes")


def test_a_folder_that_can_not_be_read_is_an_error(tmp_path: Path) -> None:
    folder = tmp_path / "saved"
    folder.mkdir()
    (folder / "state.json").write_text("{", encoding="utf-8")

    with pytest.raises(DataError, match="not a data set that can be read"):
        labelled(folder)


def test_the_working_directory_is_a_folder_like_any_other(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_csv(tmp_path / "train.csv", [("text", "label"), *ROWS])
    monkeypatch.chdir(tmp_path)

    assert labelled(".") == ROWS


def test_a_damaged_file_in_a_folder_is_an_error_without_a_librarys_words(tmp_path: Path) -> None:
    write_csv(tmp_path / "a.csv", [("text", "label"), *ROWS, ("C", "positive", "1", "2")])

    with pytest.raises(DataError, match=r"not a data set that can be read|as one table$") as caught:
        labelled(tmp_path)

    assert str(tmp_path / "a.csv") in (caught.value.hint or "")


def phrasebank_folder(folder: Path, *members: str) -> Path:
    folder.mkdir()
    for member in members:
        text = "".join(f"{text} .@{label}\r\n" for text, label in ROWS)
        (folder / f"Sentences_{member}.txt").write_text(text, encoding="latin-1")
    return folder


def test_the_unzipped_phrasebank_is_read(tmp_path: Path) -> None:
    folder = phrasebank_folder(tmp_path / "FinancialPhraseBank-v1.0", "75Agree", "AllAgree")

    data = load_data(DataSettings(source=str(folder)))

    assert [example.agreement for example in data.examples] == [100, 100, 100]
    assert data.licence == "CC BY-NC-SA 3.0"
    assert data.notes == ("extra rows are from 75 % agreement, the lowest level of this copy",)
    # The folder that holds it, as unzip leaves it, will do.
    assert labelled(tmp_path) == [(f"{text} .", label) for text, label in ROWS]


def test_a_level_that_a_copy_lacks_is_asked_for(tmp_path: Path) -> None:
    folder = phrasebank_folder(tmp_path / "bank", "AllAgree")

    with pytest.raises(DataError, match=r"has no Sentences_75Agree\.txt") as caught:
        labelled(folder)

    assert "--agreement 100" in str(caught.value.hint)
    assert len(labelled(folder, agreement=100)) == len(ROWS)


@pytest.mark.parametrize(
    ("source", "found"),
    [
        ("org/name", ("org/name", None, None)),
        ("org/na.me-1/subset:test", ("org/na.me-1", "subset", "test")),
        ("org/name:validation", ("org/name", None, "validation")),
        ("data/train.csv", None),
        ("data/train.csv.gz", None),
        ("./org/name", None),
        ("../name", None),
        ("/org/name", None),
        ("there/name", None),
        ("name", None),
    ],
)
def test_what_is_an_id_of_the_hub_and_what_a_path(
    source: str, found: tuple[str, str | None, str | None] | None
) -> None:
    Path("there").mkdir()

    assert hub_data(source) == found


@pytest.fixture
def at_hub(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Have the Hub's client ask another address."""

    def point(url: str) -> None:
        monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", url)
        monkeypatch.setattr(
            "huggingface_hub.constants.HUGGINGFACE_CO_URL_TEMPLATE",
            url + "/{repo_id}/resolve/{revision}/{filename}",
        )
        monkeypatch.setattr("huggingface_hub.hf_api.api.endpoint", url)

    return point


def test_a_data_set_of_the_hub_is_read_and_then_found_in_the_cache(
    tmp_path: Path, at_hub: Callable[[str], None]
) -> None:
    with serve_hub({"datasets/org/headlines": hub_folder(tmp_path / "repository")}) as server:
        at_hub(server.url)
        first = labelled("org/headlines")
        with pytest.raises(DownloadError, match="the data set org/other is not on the Hub"):
            labelled("org/other")
    at_hub("http://127.0.0.1:9")

    assert first == labelled("org/headlines") == ROWS
    assert labelled("org/headlines:test") == TEST_ROWS
    texts = load_texts(DataSettings(source="org/headlines:test"))
    assert (texts.name, list(texts.texts)) == ("org/headlines:test", [t for t, _ in TEST_ROWS])


def test_a_hub_out_of_reach_is_said_in_one_sentence(at_hub: Callable[[str], None]) -> None:
    at_hub("http://127.0.0.1:9")

    with pytest.raises(DownloadError) as caught:
        labelled("org/headlines")

    assert caught.value.message.startswith(
        "the data set org/headlines could not be downloaded: 127.0.0.1:9 can't be reached ("
    )
    assert "--data FILE" in str(caught.value.hint)


def test_a_hub_that_does_not_answer_is_given_up_soon(
    at_hub: Callable[[str], None], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hub, "_PROBE_S", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as server:  # it takes connections, and is silent
        at_hub(f"http://127.0.0.1:{server.getsockname()[1]}")
        with pytest.raises(DownloadError, match=r"can't be reached \("):
            labelled("org/headlines")


def test_a_repository_without_tables_is_an_error(
    tmp_path: Path, at_hub: Callable[[str], None]
) -> None:
    (tmp_path / "script").mkdir()
    (tmp_path / "script" / "script.py").write_text("", encoding="utf-8")
    (tmp_path / "script" / "README.md").write_text("", encoding="utf-8")
    with serve_hub({"datasets/org/script": tmp_path / "script"}) as server:
        at_hub(server.url)
        with pytest.raises(DataError, match="org/script: the data set holds no Parquet, CSV or"):
            labelled("org/script")


def test_an_offline_client_is_taken_at_its_word(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)

    with pytest.raises(DownloadError, match="HF_HUB_OFFLINE is set, and it is not in the cache"):
        hub.download_folder("org/name", ["*"], kind="model", hint="")
