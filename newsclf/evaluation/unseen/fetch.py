"""Find the files of a test set by their digest: in a folder, in the user's cache, or on GitHub."""

from __future__ import annotations

import hashlib
import logging
import os
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.common.errors import ConfigError, DownloadError, reason_of
from newsclf.common.files import read_regular, replacing
from newsclf.evaluation.unseen.catalogue import Catalogue, SetFile, UnseenSet

if TYPE_CHECKING:
    from collections.abc import Iterator

logger = logging.getLogger(__name__)
_TIMEOUT_S = 30.0
_SETS = "name a folder with copies of the test sets; without --sets they are downloaded"


def cache_folder() -> Path:
    """The folder of downloaded test sets: `newsclf/sets` in the user's cache."""
    base = Path(os.environ.get("XDG_CACHE_HOME", ""))
    return (base if base.is_absolute() else Path.home() / ".cache") / "newsclf" / "sets"


def read_files(
    catalogue: Catalogue, unseen: UnseenSet, *, folder: Path | None, cache: Path
) -> list[bytes]:
    """The contents of each file of a set, whose digests are those of the catalogue.

    What neither the folder nor the cache holds is downloaded into the cache, after the licence and
    the citation of the set have been logged.

    Args:
        catalogue: Says where to download from.
        unseen: The set.
        folder: A folder with copies of the files, under any name, perhaps in folders of its own.
        cache: Downloaded files, each named by its digest.

    Raises:
        ConfigError: `folder` is not a folder.
        DownloadError: A file could not be downloaded, or is not the one of the catalogue.
    """
    if folder is not None and not folder.is_dir():
        what = "not a folder" if folder.exists() else "no such folder"
        raise ConfigError(f"--sets {folder}: {what}", hint=_SETS)
    found = {
        file: next(_copies(file, folder, cache), None)  # only the first is read
        for file in unseen.files
    }
    missing = [file for file, content in found.items() if content is None]
    if missing:
        _say_terms(unseen)
    for file in missing:
        found[file] = _download(catalogue.url(unseen, file), file, cache)
    return [content for content in found.values() if content is not None]


def _say_terms(unseen: UnseenSet) -> None:
    logger.info(
        "downloading %s from github.com/%s\n  licence: %s\n  please cite: %s",
        *(unseen.title, unseen.repository, unseen.licence, unseen.citation),
    )


def _copies(file: SetFile, folder: Path | None, cache: Path) -> Iterator[bytes]:
    """Contents with a file's digest, from the folder and then from the cache."""
    beside = sorted(folder.rglob("*")) if folder is not None else []
    for path in (*beside, cache / file.sha256):
        try:
            # The size tells most files apart without reading them.
            if not path.is_file() or path.stat().st_size != file.bytes:
                matches, content = False, b""
            else:
                content = read_regular(path, at_most_bytes=file.bytes, follow=True)
                matches = _digest(content) == file.sha256
        except OSError as error:
            logger.warning("%s: cannot be read (%s)", path, reason_of(error))
            continue
        if matches:
            yield content
        elif path.name == file.file_name:
            logger.warning("%s: not the file of the catalogue (SHA-256 differs); not used", path)


def _download(url: str, file: SetFile, cache: Path) -> bytes:
    """Download a file into the cache.

    Raises:
        DownloadError: There is no answer, or another one than the file.
    """
    content = _get(url, file)
    if _digest(content) != file.sha256:
        raise DownloadError(
            f"{url}: what arrived is not the file of the catalogue (SHA-256 differs)",
            hint="try again; if that does not help, get a copy of the file: --sets DIR",
        )
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with replacing(cache / file.sha256) as target:
            target.write(content)
    except OSError as error:  # the file is there all the same
        logger.warning("%s: cannot be written (%s)", cache, reason_of(error))
    return content


def _get(url: str, file: SetFile) -> bytes:
    """The body of an answer, which may not be longer than the file of the catalogue."""
    import httpx

    from newsclf.deploy.http_client import client_for

    received = bytearray()
    try:
        with (
            client_for(url, timeout_s=_TIMEOUT_S) as client,
            client.stream("GET", url, follow_redirects=True) as answer,
        ):
            if answer.status_code != httpx.codes.OK:
                raise _failed(url, file, f"HTTP status {answer.status_code}")
            for chunk in answer.iter_bytes():
                received += chunk
                if len(received) > file.bytes:
                    raise _failed(url, file, f"more than its {file.bytes:,} bytes arrived")
    except (httpx.HTTPError, httpx.InvalidURL, UnicodeError) as error:  # the last two: a bad host
        raise _failed(url, file, reason_of(error)) from error
    return bytes(received)


def _failed(url: str, file: SetFile, why: str) -> DownloadError:
    return DownloadError(
        f"{url}: the test set could not be downloaded ({why})",
        hint=f"put a copy of {file.file_name} into a folder and pass it: --sets DIR",
    )


def _digest(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
