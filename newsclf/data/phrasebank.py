"""Read Financial PhraseBank (Malo et al. 2014): its zip file, its folder, or the Hub's copy.

It holds one text file per agreement level, each a superset of the stricter ones, Latin-1, one
`sentence@label` per line. `datasets` 4 and later runs no loading scripts, hence the zip.
"""

from __future__ import annotations

import hashlib
import zipfile
from pathlib import Path, PurePath, PurePosixPath

from newsclf.common.errors import ConfigError, DataError, DownloadError
from newsclf.common.files import file_digest
from newsclf.common.settings import DataSettings
from newsclf.contract.labels import LABELS
from newsclf.data import hub
from newsclf.data.examples import Example, LabelledData, contradictory_texts
from newsclf.data.formats.opening import check_regular, open_member, zip_members

HUB_DATASET = "takala/financial_phrasebank"
HUB_FILE = "data/FinancialPhraseBank-v1.0.zip"
NAME = "Financial PhraseBank"
LICENCE = "CC BY-NC-SA 3.0"
_MEMBERS = {
    50: "Sentences_50Agree.txt",
    66: "Sentences_66Agree.txt",
    75: "Sentences_75Agree.txt",
    100: "Sentences_AllAgree.txt",
}


def download() -> Path:
    """Fetch the zip from the Hub, or find it in the Hub's cache.

    Raises:
        DownloadError: the Hub can't be reached and the cache lacks the file.
    """
    hint = "pass a copy of the zip with --data PATH, or train on what ships: --data sample"
    path = hub.download_folder(HUB_DATASET, [HUB_FILE], kind="dataset", hint=hint) / HUB_FILE
    if not path.is_file():
        raise DownloadError(f"the data set {HUB_DATASET}: no file {HUB_FILE}", hint=hint)
    return path


def is_phrasebank(path: Path) -> bool:
    """Whether a zip file or a folder holds a level of PhraseBank.

    Raises:
        DataError: a file called .zip is not a zip file, or it is a pipe or a device.
    """
    if path.is_dir():
        return bool(_files(path))
    check_regular(path)
    if path.suffix.lower() != ".zip" and not zipfile.is_zipfile(path):
        return False
    return any(_level(PurePosixPath(member.filename)) for member in zip_members(path))


def read(path: Path, settings: DataSettings) -> LabelledData:
    """Read one agreement level of a PhraseBank zip, or of the folder that it unpacks to.

    A copy without all levels is accepted if it has `agreement`; extra rows then come from the
    lowest level that it has.

    Raises:
        DataError: the file is not such a zip, or a line can't be used; names the file and the line.
        ConfigError: `extra_agreement` is above `agreement`.
    """
    if settings.extra_agreement > settings.agreement:
        raise ConfigError(
            f"data.extra_agreement ({settings.extra_agreement}) is above data.agreement"
            f" ({settings.agreement}); extra rows are those with less agreement"
        )
    if path.is_dir():
        raw = {level: file.read_bytes() for level, file in _files(path).items()}
    else:
        raw = _zip_levels(path)
    levels = {level: _parse(text, f"{path}/{_MEMBERS[level]}") for level, text in raw.items()}
    if settings.agreement not in levels:
        there = ", ".join(str(level) for level in sorted(levels))
        raise DataError(
            f"{path}: no Financial PhraseBank at {settings.agreement} % agreement: it has no"
            f" {_MEMBERS[settings.agreement]}",
            hint=f"choose a level that it has ({there}): --agreement {max(levels)}"
            if levels
            else f"the zip is {HUB_FILE} of the Hub data set {HUB_DATASET}",
        )
    agreement_of = {text: level for level in sorted(levels) for text, _ in levels[level]}

    def examples(rows: list[tuple[str, int]], *, extra: bool) -> list[Example]:
        return [
            Example(text, label_id, agreement_of[text], extra)
            for text, label_id in dict.fromkeys(rows)
        ]

    chosen = levels[settings.agreement]
    chosen_texts = {text for text, _ in chosen}
    lowest = min(level for level in levels if level >= settings.extra_agreement)
    kept = examples(chosen, extra=False)
    return LabelledData(
        name=f"{NAME}, agreement ≥ {settings.agreement} %",
        examples=kept,
        extra=examples([row for row in levels[lowest] if row[0] not in chosen_texts], extra=True),
        digest=_digest(path, raw),
        licence=LICENCE,
        repeated=len(chosen) - len(kept),
        contradictory=contradictory_texts(kept),
        notes=(
            ()
            if lowest == settings.extra_agreement
            else (f"extra rows are from {lowest} % agreement, the lowest level of this copy",)
        ),
    )


def _level(name: PurePath) -> int | None:
    return next((level for level, member in _MEMBERS.items() if member == name.name), None)


def _files(folder: Path) -> dict[int, Path]:
    """Files of a folder, or of the folder in it that the zip unpacks to."""
    found = sorted([*folder.glob("*/Sentences_*Agree.txt"), *folder.glob("Sentences_*Agree.txt")])
    return {level: path for path in found if (level := _level(path))}


def _zip_levels(path: Path) -> dict[int, bytes]:
    levels = {}
    for member in zip_members(path):
        level = _level(PurePosixPath(member.filename))
        if level is None:
            continue
        with open_member(path, member) as stream:
            levels[level] = stream.read()
    return levels


def _digest(path: Path, raw: dict[int, bytes]) -> str:
    if path.is_file():
        return file_digest(path)
    return hashlib.sha256(b"".join(raw[level] for level in sorted(raw))).hexdigest()


def _text(raw: bytes) -> str:
    """Latin-1, as it was published, unless a copy was saved as UTF-8."""
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        return raw.decode("latin-1")


def _parse(raw: bytes, where: str) -> list[tuple[str, int]]:
    # Not splitlines(), which would also split at U+0085.
    rows = []
    for number, line in enumerate(_text(raw).split("\n"), start=1):
        if not line.strip():
            continue
        text, at, label = line.rstrip("\r").rpartition("@")
        if not at or label not in LABELS:
            raise DataError(
                f"{where}, line {number}: expected 'sentence@label' with a label of"
                f" {', '.join(LABELS)}, found {line[-40:]!r}",
                hint="the file is damaged: download it again",
            )
        if not text.strip():
            raise DataError(
                f"{where}, line {number}: the headline is empty", hint="remove the line"
            )
        rows.append((text.strip(), LABELS.index(label)))
    if not rows:
        raise DataError(f"{where}: the file has no rows", hint="download the zip again")
    return rows
