"""Pinned wheels for the container: find them by their digests, download and unpack them."""

from __future__ import annotations

import re
import subprocess
import tempfile
import zipfile
import zlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

from newsclf.common.errors import ConfigError, DownloadError, reason_of
from newsclf.common.files import file_digest
from newsclf.common.interpreter import module_command
from newsclf.common.state_dir import private_folder

_PIN = re.compile(
    r"(?P<name>[A-Za-z0-9][\w.-]*)==(?P<version>[\w.+!-]+)(?P<hashes>(?:\s+--hash=sha256:[0-9a-f]{64})+)"
)
_CONTAINER_PYTHON = "3.12"
# pip compares these literally: a newer platform does not include the older ones.
_CONTAINER_PLATFORMS = (
    "manylinux_2_35_x86_64",
    "manylinux_2_34_x86_64",
    "manylinux_2_28_x86_64",
    "manylinux_2_27_x86_64",
    "manylinux_2_17_x86_64",
    "manylinux2014_x86_64",
)


@dataclass(frozen=True, slots=True)
class Pin:
    """A package at a version, and the digests of its wheels."""

    name: str
    version: str
    digests: frozenset[str]
    """SHA-256 of each wheel, hexadecimal."""

    def __str__(self) -> str:
        """The pin in pip's notation."""
        return f"{self.name}=={self.version}"


def read_pins(path: Path) -> list[Pin]:
    """Read a file of `name==version --hash=sha256:…` lines.

    Raises:
        ConfigError: the file can't be read, or a line has another form.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{path}: cannot be read ({reason_of(error)})") from None
    pins = []
    for line in text.replace("\\\n", " ").splitlines():
        if not line.strip() or line.lstrip().startswith("#"):
            continue
        found = _PIN.fullmatch(line.strip())
        if found is None:
            raise ConfigError(
                f"{path}: {line.strip()!r} is not name==version --hash=sha256:…",
                hint="pip hash FILE.whl prints the hash of a wheel",
            )
        digests = frozenset(re.findall(r"sha256:([0-9a-f]{64})", found["hashes"]))
        pins.append(Pin(found["name"], found["version"], digests))
    return pins


def wheels_in(folder: Path, pins: Sequence[Pin]) -> list[Path]:
    """Find the wheel of each pin in a folder, by its digest alone.

    Raises:
        ConfigError: A pin has no wheel.
    """
    found, missing = _search(folder, pins)
    if missing:
        raise ConfigError(
            f"{folder}: it has no wheel of {', '.join(map(str, missing))} with a pinned SHA-256",
            hint="copy there what the requirements file lists, or leave --wheels out to have pip"
            " fetch it",
        )
    return found


def fetched_wheels(requirements: Path, pins: Sequence[Pin], cache: Path) -> list[Path]:
    """The wheel of each pin from the cache; pip downloads missing ones into it.

    Raises:
        ConfigError: this Python has no pip.
        DownloadError: pip could not download them.
    """
    found, missing = _search(cache, pins)
    if not missing:
        return found
    if find_spec("pip") is None:
        raise ConfigError(
            "fetching wheels needs pip, which this Python does not have",
            hint="python -m ensurepip, or pass a folder with them: --wheels DIR",
        )
    private_folder(cache)
    with tempfile.TemporaryDirectory(dir=cache) as scratch:
        _pip_download(requirements, Path(scratch))
        for path in Path(scratch).iterdir():
            path.replace(cache / path.name)
    return wheels_in(cache, pins)


def unpacked(wheel: Path) -> dict[str, bytes]:
    """The files that a wheel installs into site-packages, by their path there.

    Raises:
        ConfigError: it is not a wheel.
    """
    try:
        with zipfile.ZipFile(wheel) as archive:
            return {
                name: archive.read(info)
                for info in archive.infolist()
                if not info.is_dir() and (name := _installed_name(info.filename)) is not None
            }
    except (zipfile.BadZipFile, OSError, EOFError, zlib.error) as error:
        raise ConfigError(
            f"{wheel}: it can't be read as a wheel ({error})", hint="download it again"
        ) from error


def _installed_name(name: str) -> str | None:
    """Path of a wheel's file in site-packages; None if it goes elsewhere, such as a script."""
    folder, _, rest = name.partition("/")
    if not folder.endswith(".data"):
        return name
    scheme, _, path = rest.partition("/")
    return path if scheme in ("purelib", "platlib") else None


def _search(folder: Path, pins: Sequence[Pin]) -> tuple[list[Path], list[Pin]]:
    by_digest = {file_digest(path): path for path in sorted(folder.glob("*.whl"))}
    known = [sorted(pin.digests & by_digest.keys()) for pin in pins]
    missing = [pin for pin, digests in zip(pins, known, strict=True) if not digests]
    return [by_digest[digests[0]] for digests in known if digests], missing


def _pip_download(requirements: Path, target: Path) -> None:
    options = ["--disable-pip-version-check", "--no-input", "--require-hashes", "--no-deps"]
    container = [f"--platform={name}" for name in _CONTAINER_PLATFORMS]
    container += [f"--python-version={_CONTAINER_PYTHON}", "--implementation=cp"]
    files = [f"--dest={target}", f"--requirement={requirements}"]
    command = module_command("pip", "download", "--only-binary=:all:", *options, *container, *files)
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR: ")]
        said = errors[-1].removeprefix("ERROR: ") if errors else f"exit status {done.returncode}"
        raise DownloadError(
            f"the wheels for the container could not be downloaded: pip says: {said}",
            hint="without a network, pass a folder with them: --wheels DIR",
        )
