"""Financial PhraseBank: its format, its levels, and every way in which a zip can be wrong."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError, DataError
from newsclf.common.settings import DataSettings
from newsclf.data import phrasebank
from newsclf.data.examples import class_counts
from newsclf.data.formats import opening
from newsclf.data.split import split
from tests.support.builders import REAL_PHRASEBANK, build_phrasebank, needs_phrasebank

ROW = ("Profit rose", "positive")


def levels(*rows: tuple[str, str]) -> dict[int, list[tuple[str, str]]]:
    return {level: list(rows) for level in (50, 66, 75, 100)}


def read(path: Path, **settings: object) -> list[tuple[str, int, int | None]]:
    data = phrasebank.read(path, DataSettings.model_validate(settings))
    return [(example.text, example.label_id, example.agreement) for example in data.examples]


def test_a_line_is_split_at_its_last_at_sign(tmp_path: Path) -> None:
    zip_path = build_phrasebank(
        tmp_path / "p.zip", levels(("Mail ir@acme.example for the report", "neutral"), ROW)
    )

    assert read(zip_path)[0] == ("Mail ir@acme.example for the report", 1, 100)


def test_bytes_are_latin_1_and_lines_end_only_at_newlines(tmp_path: Path) -> None:
    zip_path = build_phrasebank(
        tmp_path / "p.zip", levels(("Wärtsilä\x85s profit fell", "negative"))
    )

    assert read(zip_path) == [("Wärtsilä\x85s profit fell", 0, 100)]


def test_exact_duplicates_are_dropped(tmp_path: Path) -> None:
    assert len(read(build_phrasebank(tmp_path / "p.zip", levels(ROW, ROW, ("X", "neutral"))))) == 2


def test_rows_know_their_agreement_and_lower_levels_become_extra(tmp_path: Path) -> None:
    a, b, c, d = (("a", "neutral"), ("b", "negative"), ("c", "positive"), ("d", "neutral"))
    zip_path = build_phrasebank(
        tmp_path / "p.zip", {100: [a], 75: [a, b], 66: [a, b, c], 50: [a, b, c, d]}
    )

    data = phrasebank.read(zip_path, DataSettings(agreement=75, extra_agreement=50))

    assert [(e.text, e.agreement, e.extra) for e in data.examples] == [
        ("a", 100, False),
        ("b", 75, False),
    ]
    assert [(e.text, e.agreement, e.extra) for e in data.extra] == [
        ("c", 66, True),
        ("d", 50, True),
    ]
    assert phrasebank.read(zip_path, DataSettings(extra_agreement=75)).extra == []


def test_extra_rows_must_be_below_the_level(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"data\.extra_agreement \(75\) is above data\.agreement"):
        read(build_phrasebank(tmp_path / "p.zip", levels(ROW)), agreement=50, extra_agreement=75)


@pytest.mark.parametrize(
    ("line", "said"),
    [
        (("Profit rose", "great"), "expected 'sentence@label' with a label of negative"),
        (("  ", "neutral"), "the headline is empty"),
    ],
)
def test_a_bad_line_is_named(tmp_path: Path, line: tuple[str, str], said: str) -> None:
    zip_path = build_phrasebank(tmp_path / "p.zip", levels(ROW, line))

    with pytest.raises(DataError) as caught:
        read(zip_path)

    assert "Sentences_50Agree.txt, line 2: " in caught.value.message
    assert said in caught.value.message
    assert caught.value.hint


def test_an_empty_member_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"Sentences_50Agree\.txt: the file has no rows"):
        read(build_phrasebank(tmp_path / "p.zip", levels()))


def test_a_file_that_is_no_zip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    path.write_bytes(b"<html>not found</html>")

    with pytest.raises(DataError, match="not a zip file, or a damaged one"):
        read(path)


def test_a_cut_zip_is_an_error(tmp_path: Path) -> None:
    path = build_phrasebank(tmp_path / "p.zip", levels(ROW))
    path.write_bytes(path.read_bytes()[:200])

    with pytest.raises(DataError, match="damaged"):
        read(path)


def test_a_zip_with_damaged_contents_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in ("50Agree", "66Agree", "75Agree", "AllAgree"):
            archive.writestr(f"Sentences_{name}.txt", "Profit rose@positive\r\n" * 50)
    damaged = bytearray(path.read_bytes())
    damaged[60:70] = b"\xff" * 10
    path.write_bytes(damaged)

    with pytest.raises(DataError, match="damaged"):
        read(path)


def test_a_zip_that_unpacks_to_far_more_is_refused_after_a_little(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    size = 1_000_000
    monkeypatch.setattr(opening, "_FREE_BYTES", size // 2)
    path = tmp_path / "bank.zip"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
        for member in ("50Agree", "66Agree", "75Agree", "AllAgree"):
            archive.writestr(f"Sentences_{member}.txt", bytes(size))
    whole = path.read_bytes()
    # The same with a size in the directory that is a lie: what is unpacked counts.
    lying = tmp_path / "lying.zip"
    lying.write_bytes(whole.replace(size.to_bytes(4, "little"), b"\xff\xff\xff\x7f"))

    assert len(whole) < 10_000
    for each in (path, lying):
        with pytest.raises(DataError, match="unpacks to more than"):
            read(each)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_other_compressions_are_damaged_in_other_ways(tmp_path: Path, method: int) -> None:
    path = tmp_path / "bank.zip"
    with zipfile.ZipFile(path, "w", method) as archive:
        for member in ("50Agree", "66Agree", "75Agree", "AllAgree"):
            archive.writestr(f"Sentences_{member}.txt", "profit rose@positive\n" * 50)
    damaged = bytearray(path.read_bytes())
    damaged[60:75] = bytes(15)
    path.write_bytes(damaged)

    with pytest.raises(DataError, match="not a zip file, or a damaged one"):
        read(path)


def test_another_zip_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "p.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("notes.txt", "hello")

    with pytest.raises(
        DataError, match=r"no Financial PhraseBank at 75 % agreement: it has no Sentences_75"
    ):
        read(path)


@needs_phrasebank
def test_the_published_split_comes_out() -> None:
    settings = DataSettings(source=str(REAL_PHRASEBANK))
    data = phrasebank.read(REAL_PHRASEBANK, settings)
    parts = split(data, settings)

    assert len(data.examples) == 3448
    assert len(parts.test) == 690
    assert class_counts(parts.test) == {"negative": 73, "neutral": 438, "positive": 179}
    # 2,758 rows less one whose text, apart from its punctuation, stands in the test part.
    trained_on = [example for example in parts.train if not example.extra]
    assert len(trained_on) + len(parts.validation) == 2757
    # A fifth of the 1,392 rows of less agreement is held out, less three that read like others.
    assert len(parts.train) - len(trained_on) == 1112
    assert len(parts.extra_test) == 276
