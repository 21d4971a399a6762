"""Download from the Hugging Face Hub, or read its cache when the Hub can't be reached.

Whether the Hub can be reached is tested first, within seconds: its own client would retry for half
a minute.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Literal

from newsclf.common.errors import ConfigError, DownloadError, reason_of

Kind = Literal["model", "dataset"]
_NAMES: dict[Kind, str] = {"model": "base model", "dataset": "data set"}
_PROBE_S = 4.0


def download_folder(
    repo_id: str, patterns: Sequence[str], *, kind: Kind, hint: str, revision: str | None = None
) -> Path:
    """Fetch the files of a repository that match a pattern, or find them in the cache.

    Args:
        repo_id: Such as `org/name`.
        patterns: As in `*.json`.
        kind: The kind of repository.
        hint: What to do without the Hub.
        revision: Branch, tag or commit.

    Raises:
        ConfigError: `repo_id` is not a valid id.
        DownloadError: the Hub can't be reached, or has no such repository or revision.
    """
    from huggingface_hub import errors, snapshot_download

    what = f"the {_NAMES[kind]} {repo_id}" + (f" at {revision}" if revision else "")
    _quiet()
    problem = _problem()
    try:
        folder = snapshot_download(
            repo_id,
            repo_type=kind,
            revision=revision,
            allow_patterns=list(patterns),
            local_files_only=problem is not None,
        )
    except errors.HFValidationError as error:
        raise ConfigError(
            f"{what}: not an id of the Hub ({reason_of(error)})", hint=hint
        ) from error
    except errors.GatedRepoError as error:
        raise DownloadError(
            f"{what} is gated: its owner decides who may download it",
            hint="ask for access on its page on the Hub, then: hf auth login",
        ) from error
    except errors.RepositoryNotFoundError as error:
        raise DownloadError(
            f"{what} is not on the Hub, or is private",
            hint="check its id on https://huggingface.co; for a private one: hf auth login",
        ) from error
    except (errors.RevisionNotFoundError, errors.RemoteEntryNotFoundError) as error:
        raise DownloadError(f"{what}: no such revision or file on the Hub", hint=hint) from error
    except (errors.HfHubHTTPError, errors.LocalEntryNotFoundError, OSError) as error:
        raise DownloadError(
            f"{what} could not be downloaded: {problem or reason_of(error)}", hint=hint
        ) from error
    return Path(folder)


def _problem() -> str | None:
    """Why the Hub can't be reached; None if it answers."""
    from huggingface_hub import constants, get_session

    if constants.HF_HUB_OFFLINE:
        return "HF_HUB_OFFLINE is set, and it is not in the cache"
    host = constants.ENDPOINT.partition("://")[2]
    found = [f"{host} can't be reached (no answer within {_PROBE_S:g} s)"]

    def ask() -> None:
        try:
            get_session().head(constants.ENDPOINT, timeout=_PROBE_S)
            found.append("")
        except Exception as error:  # noqa: BLE001 - whatever it is, the Hub did not answer
            found.append(f"{host} can't be reached ({reason_of(error)})")

    # DNS look-ups have no timeout of their own, so the request runs in a thread.
    thread = threading.Thread(target=ask, daemon=True)
    thread.start()
    thread.join(_PROBE_S)
    return found[-1] or None


def _quiet() -> None:
    """Silence the client's messages about its own attempts, except with --verbose."""
    if not logging.getLogger().isEnabledFor(logging.INFO):
        from huggingface_hub.utils import logging as hub_logging

        hub_logging.set_verbosity(logging.CRITICAL)
