"""Financial PhraseBank (Malo et al. 2014), from its zip file, on disk or on the Hugging Face Hub.

The zip holds one text file per agreement level, each a superset of the stricter ones, Latin-1, one
`sentence@label` a line. `datasets` 4 and later runs no loading scripts, hence the zip.
"""

from __future__ import annotations

import hashlib
import io
import lzma
import zipfile
import zlib
from pathlib import Path

from newsclf.core.contract import LABELS
from newsclf.core.errors import ConfigError, DataError, DownloadError
from newsclf.core.examples import Example, LabelledData
from newsclf.core.settings import DataSettings

HUB_DATASET = "takala/financial_phrasebank"
HUB_FILE = "data/FinancialPhraseBank-v1.0.zip"
LICENCE = "CC BY-NC-SA 3.0"
_LIMIT_BYTES = 64 * 1024**2
"""Of the zip and of each member; the real ones have less than 1 MB."""
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
    from huggingface_hub import hf_hub_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(hf_hub_download(HUB_DATASET, HUB_FILE, repo_type="dataset"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = " ".join(str(error).split())[:200]
        raise DownloadError(
            f"Financial PhraseBank could not be downloaded from the Hub ({reason})",
            hint="pass a copy of the zip with --data PATH, or train on what ships: --data sample",
        ) from error


def read(path: Path, settings: DataSettings) -> LabelledData:
    """Read one agreement level of a PhraseBank zip.

    Raises:
        DataError: the file is no such zip, or a line can't be used; names the file and the line.
        ConfigError: `extra_agreement` is above `agreement`.
    """
    if settings.extra_agreement > settings.agreement:
        raise ConfigError(
            f"data.extra_agreement ({settings.extra_agreement}) is above data.agreement"
            f" ({settings.agreement}); extra rows are those with less agreement"
        )
    with path.open("rb") as file:
        raw = file.read(_LIMIT_BYTES)  # the rest of a larger one is missing, so it is no zip
    levels = _read_levels(raw, path)
    agreement_of = {text: level for level in sorted(levels) for text, _ in levels[level]}

    def examples(rows: list[tuple[str, int]], *, extra: bool) -> list[Example]:
        return [
            Example(text, label_id, agreement_of[text], extra)
            for text, label_id in dict.fromkeys(rows)
        ]

    chosen = levels[settings.agreement]
    chosen_texts = {text for text, _ in chosen}
    below = levels[settings.extra_agreement]
    return LabelledData(
        name=f"Financial PhraseBank, agreement ≥ {settings.agreement} %",
        examples=examples(chosen, extra=False),
        extra=examples([row for row in below if row[0] not in chosen_texts], extra=True),
        digest=hashlib.sha256(raw).hexdigest(),
        licence=LICENCE,
    )


def _read_levels(raw: bytes, path: Path) -> dict[int, list[tuple[str, int]]]:
    try:
        with zipfile.ZipFile(io.BytesIO(raw)) as archive:
            names = {
                Path(name).name: name
                for name in archive.namelist()
                if not name.startswith("__MACOSX")
            }
            missing = [member for member in _MEMBERS.values() if member not in names]
            if missing:
                raise DataError(
                    f"{path}: not a Financial PhraseBank zip, it has no {missing[0]}",
                    hint=f"the zip is {HUB_FILE} of the Hub dataset {HUB_DATASET}",
                )
            return {
                level: _parse(_unpacked(archive, names[member], path), f"{path}/{member}")
                for level, member in _MEMBERS.items()
            }
    except (
        *(zipfile.BadZipFile, zlib.error, lzma.LZMAError, EOFError, OSError),
        *(RuntimeError, ValueError),
    ) as error:
        # RuntimeError: encrypted, or compressed in a way that zipfile does not know
        raise DataError(
            f"{path}: not a zip file, or a damaged one ({error})",
            hint="download it again, or train on what ships: --data sample",
        ) from error


def _unpacked(archive: zipfile.ZipFile, name: str, path: Path) -> bytes:
    """A member; the size that the zip states for it may be wrong, so no more is unpacked."""
    with archive.open(name) as member:
        raw = member.read(_LIMIT_BYTES + 1)
    if len(raw) > _LIMIT_BYTES:
        raise DataError(
            f"{path}/{name}: unpacks to more than {_LIMIT_BYTES:,} bytes",
            hint="that is no Financial PhraseBank; download it again",
        )
    return raw


def _parse(raw: bytes, where: str) -> list[tuple[str, int]]:
    # Latin-1 decodes every byte, and splitlines would also split at its U+0085.
    rows = []
    for number, line in enumerate(raw.decode("latin-1").split("\n"), start=1):
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
