"""Text from outside in what newsclf writes: no markup, no control and no direction characters."""

from __future__ import annotations

import io
import json
import os
import pty
import sys
import zipfile
from contextlib import suppress
from functools import partial
from pathlib import Path

import pytest

from newsclf.cli.console import StdoutBytes
from newsclf.common.errors import DataError, ModelError
from newsclf.common.visible import visible, visible_json
from newsclf.data.formats.opening import open_member, zip_members
from newsclf.data.sink import StreamFormat, stream_sink
from newsclf.loadtest.report.files import write_report
from newsclf.model.card import read_card, render_readme, write_card
from newsclf.model.directory import find_model, read_digests
from tests.support.builders import build_card
from tests.support.loadtest_builders import build_case

RAW = "\x1b]0;owned\x07 \x9b2J \u202egnp.exe \u2028 \x7f"
EVIL = f"x\nlicense: mit\n---\n# Free <script>alert(1)</script> [a](javascript:b) `c` | {RAW}"


def controls(text: str) -> set[str]:
    return {c for c in text if c in RAW and not c.isprintable()}


def test_no_name_in_a_model_card_is_taken_as_markup() -> None:
    card = build_card()
    card = card.model_copy(
        update={
            "base": card.base.model_copy(update={"name": EVIL, "revision": EVIL}),
            "data": card.data.model_copy(update={"name": EVIL, "digest": EVIL, "licence": EVIL}),
            "created": EVIL,
            "device": EVIL,
            "versions": {"newsclf": EVIL},
            "int8": None,
            "int8_rejected": EVIL,
        }
    )

    _, front, body = render_readme(card).split("---\n", 2)

    fields = dict(line.split(": ", 1) for line in front.splitlines())
    assert list(fields) == ["library_name", "pipeline_tag", "base_model", "language"]
    assert json.loads(fields["base_model"]) == visible(EVIL)  # JSON's texts are YAML's, too
    assert [line for line in body.splitlines() if line.startswith("#")][1:] == [
        "## Scores",
        "## Data",
        "## Training",
        "## Limits",
    ]
    outside_code = "".join(body.split("`")[::2])
    assert "<script>" not in outside_code
    assert "](javascript" not in outside_code
    assert not controls(front + body)


def test_files_of_a_load_test_report_hold_no_control_characters(tmp_path: Path) -> None:
    summary, samples, monthly = build_case(users=(1,), repeats=1, instances=("ml.c5.xlarge",))
    text = summary.model_dump_json()
    for name in {summary.run.name, *(point.instance for point in summary.points)}:
        text = text.replace(json.dumps(name), json.dumps(name + RAW))
    changed = type(summary).model_validate_json(text)
    assert changed != summary

    paths = write_report(tmp_path, changed, samples.__getitem__, monthly)

    for path in paths:
        assert not controls(path.read_text(encoding="utf-8")), path.name
    again = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    assert again["run"]["name"] == changed.run.name


ROWS = [{"text": f"Profit rose {RAW}", "label": "positive"}]


def through_stdout(stream_format: StreamFormat) -> None:
    escape = visible_json if stream_format == "jsonl" else partial(visible, keep="\n\t")
    with stream_sink(StdoutBytes(escape), stream_format) as write:  # type: ignore[arg-type]
        write(ROWS)


@pytest.mark.parametrize("stream_format", ["csv", "tsv", "jsonl"])
def test_rows_drive_no_terminal_and_reach_a_pipe_as_they_are(
    stream_format: StreamFormat, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    controller, terminal = pty.openpty()
    with os.fdopen(terminal, "w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        through_stdout(stream_format)
        shown = os.read(controller, 10_000).decode()
    os.close(controller)
    with (tmp_path / "out").open("w", encoding="utf-8") as stream:
        monkeypatch.setattr(sys, "stdout", stream)
        through_stdout(stream_format)
    written = (tmp_path / "out").read_bytes()
    plain = io.BytesIO()
    with stream_sink(plain, stream_format) as write:
        write(ROWS)

    assert "Profit rose" in shown
    assert not controls(shown)
    assert written == plain.getvalue()
    if stream_format == "jsonl":
        assert json.loads(shown) == ROWS[0]


def test_rows_that_cannot_be_written_blame_standard_output(monkeypatch: pytest.MonkeyPatch) -> None:
    full = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 - closing it fails
    monkeypatch.setattr(sys, "stdout", full)

    with pytest.raises(OSError, match="No space left") as error:
        through_stdout("csv")

    assert error.value.filename == "standard output"
    monkeypatch.undo()
    with suppress(OSError):
        full.close()


def test_an_enormous_card_is_not_read(tmp_path: Path) -> None:
    write_card(tmp_path, build_card())
    os.truncate(tmp_path / "card.json", 20 * 2**30)  # sparse

    for read in (read_card, read_digests):
        with pytest.raises(ModelError, match="larger than"):
            read(tmp_path)
    (tmp_path / "seeds.json").touch()
    os.truncate(tmp_path / "seeds.json", 20 * 2**30)
    with pytest.raises(ModelError, match="larger than"):
        find_model(tmp_path)


def test_a_card_behind_a_link_of_the_hub_is_read(tmp_path: Path) -> None:
    for name in ("blobs", "snapshot"):
        (tmp_path / name).mkdir()
    write_card(tmp_path / "blobs", build_card())
    (tmp_path / "snapshot" / "card.json").symlink_to("../blobs/card.json")

    assert read_card(tmp_path / "snapshot")[1] == build_card()


def test_a_zip_whose_size_is_a_lie_is_said_to_end_early(tmp_path: Path) -> None:
    path = tmp_path / "data.zip"
    with zipfile.ZipFile(path, "w") as archive:  # stored
        archive.writestr("data.csv", "text,label\n")
    (member,) = zip_members(path)
    lying = path.read_bytes().replace(
        b"\x0b\0\0\0\x0b\0\0\0", b"\x0b\x10\0\0\x0b\x10\0\0"
    )  # both of its sizes, in both places
    path.write_bytes(lying)
    (member,) = zip_members(path)

    with open_member(path, member) as stream, pytest.raises(DataError) as error:
        stream.read()

    assert "(it ends early)" in error.value.message
