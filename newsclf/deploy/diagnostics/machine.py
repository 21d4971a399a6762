"""Check what commands need on this machine: packages, a model, the Hub, prices."""

from __future__ import annotations

import datetime as dt
import platform
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

from packaging.requirements import Requirement

from newsclf.common.errors import ConfigError, NewsclfError, install_command
from newsclf.common.machine import available_cores, cpu_name
from newsclf.common.settings import Settings
from newsclf.costs.prices import prices_at
from newsclf.model.directory import check_files

_EXTRAS = {
    "train": "train, evaluate, optimize, label",
    "local": "wire-api on this machine",
    "aws": "everything on AWS",
    "loadtest": "loadtest",
    "sagemaker": "train --on sagemaker",
    "watch": "watch",
    "postgres": "watch with a record in PostgreSQL",
}
"""Commands that need each extra."""
_HUB = "https://huggingface.co"
_OLD_PRICES = dt.timedelta(days=120)
_CONNECT_S = 5.0
State = Literal["ok", "absent", "unknown", "wrong"]
"""`absent`: missing, but only some commands need it; `wrong`: present, but it does not work."""


@dataclass(frozen=True, slots=True)
class Check:
    """Finding of `newsclf doctor`, one line of its output."""

    what: str
    state: State
    detail: str
    todo: str = ""
    """Command or advice, if something should be done."""


def check_reachable(what: str, url: str, *, todo: str) -> Check:
    """Check whether a connection to a host can be opened, without sending anything."""
    parts = urlsplit(url)
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname or "", port), timeout=_CONNECT_S).close()
    except OSError as error:
        detail = f"{parts.hostname} can't be reached ({error.strerror or error})"
        return Check(what, "absent", detail, todo)
    return Check(what, "ok", f"{parts.hostname} can be reached")


def check_machine(settings: Settings) -> Iterator[Check]:
    """Check the interpreter, the processor, the extras, the model and the Hub."""
    yield Check("Python", "ok", f"{platform.python_version()} on {platform.platform(terse=True)}")
    yield Check("processor", "ok", f"{available_cores()} cores of {cpu_name()}")
    for extra, purpose in _EXTRAS.items():
        yield _extra(extra, purpose)
    yield _model(settings.model)
    yield check_reachable(
        "Hugging Face Hub", _HUB, todo="without it: newsclf train --base minilm --data sample"
    )


def check_prices(settings: Settings, region: str, *, today: dt.date) -> Check:
    """Check whether the prices of a region are known, and how old they are."""
    what, refresh = f"prices in {region}", f"newsclf prices refresh --region {region}"
    try:
        book = prices_at(settings.state_dir)
    except ConfigError as error:
        return Check(what, "wrong", error.message, error.hint or "")
    tables = [table for table in book.hosting if table.region == region]
    if not tables:
        return Check(
            what, "absent", f"none; there are some for {len(book.regions())} regions", refresh
        )
    newest = max(table.date for table in tables)
    todo = refresh if today - newest > _OLD_PRICES else ""
    return Check(what, "ok", f"{len(book.instances(region))} instances, as of {newest}", todo)


def _extra(extra: str, purpose: str) -> Check:
    missing = []
    for wanted in map(Requirement, requires("newsclf") or ()):
        if wanted.marker is None or not wanted.marker.evaluate({"extra": extra}):
            continue
        try:
            found = version(wanted.name)
        except PackageNotFoundError:
            missing.append(wanted.name)
        else:
            if not wanted.specifier.contains(found, prereleases=True):
                missing.append(f"{wanted.name}{wanted.specifier} (there is {found})")
    if missing:
        without = f"without {', '.join(missing)}"
        return Check(f"extra {extra}", "absent", without, install_command(extra))
    return Check(f"extra {extra}", "ok", purpose)


def _model(path: Path) -> Check:
    from newsclf.model.card import read_card

    if not path.exists():
        return Check("model", "absent", f"{path} is not there", "newsclf train, or --model DIR")
    try:
        folder, card = read_card(path)
        check_files(folder, card.files, card.files)
    except NewsclfError as error:
        return Check("model", "wrong", error.message, error.hint or "newsclf train")
    return Check("model", "ok", f"{folder}, {card.digest[:12]}, {len(card.files)} files, all whole")
