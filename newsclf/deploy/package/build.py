"""Package a model as `model.tar.gz` for SageMaker's stock Hugging Face container."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import newsclf
from newsclf.common.errors import ConfigError, reason_of
from newsclf.common.files import file_digest, synced
from newsclf.common.settings import shipped_config
from newsclf.costs.instances import has_gpu
from newsclf.deploy.package import archive
from newsclf.deploy.package.wheels import fetched_wheels, read_pins, unpacked, wheels_in
from newsclf.model.directory import (
    CARD_FILE,
    ENGINE_FILES,
    GPU_FILES,
    check_files,
    find_model,
    read_digests,
)

REQUIREMENTS_FILE = "container-requirements.txt"
_RUNTIME = "onnxruntime"


@dataclass(frozen=True, slots=True, kw_only=True)
class PackageRequest:
    """A model to package, and the archive to write."""

    model: Path
    out: Path
    cache: Path
    """Cache folder of downloaded wheels."""
    wheels: Path | None = None
    """Folder with the wheels, instead of a download."""
    requirements: Path | None = None
    """Pins and hashes of the wheels; None: those for the stock container."""
    float_weights: bool = False
    """Also pack the float weights and every other file that the card lists."""
    gpu: bool = False
    """For instances with a GPU: the float weights and no ONNX Runtime."""
    overwrite: bool = False


@dataclass(frozen=True, slots=True)
class Package:
    """An archive that has been checked."""

    path: Path
    source: Path
    """The model directory, or the archive itself if that was given."""
    size_bytes: int
    sha256: str
    contents: archive.Contents


def package(request: PackageRequest) -> Package:
    """Write and check an archive; it appears when it is complete.

    Raises:
        ModelError: there is no model, or its files do not match its card.
        ConfigError: the archive exists or can't be written; wheels or pins are invalid.
        DownloadError: the wheels could not be downloaded.
    """
    out = request.out
    if out.exists() and not request.overwrite:
        raise ConfigError(
            f"{out} already exists", hint="add --overwrite, or name another file with --out"
        )
    folder = find_model(request.model)
    digests = read_digests(folder)
    needed = GPU_FILES if request.gpu else ENGINE_FILES
    names = sorted({*needed, *(digests if request.float_weights else ())})
    check_files(folder, digests, names)
    code = _code(request)
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=out.parent, prefix=f".{out.name}-") as scratch:
            unfinished = Path(scratch) / out.name
            model = {name: folder / name for name in (*names, CARD_FILE)}
            archive.write_archive(unfinished, model, code)
            packed = check(unfinished)  # a file may have changed while it was packed
            synced(unfinished).replace(out)
    except OSError as error:
        raise ConfigError(
            f"{out}: the archive cannot be written ({reason_of(error)})",
            hint="name another file with --out",
        ) from error
    return replace(packed, path=out, source=request.model)


def check(path: Path) -> Package:
    """Check an archive.

    Raises:
        ModelError: it is damaged, or the container could not serve it.
    """
    contents = archive.check_archive(path)
    return Package(path, path, path.stat().st_size, file_digest(path), contents)


@contextmanager
def packed(
    model: Path, archive: Path | None, *, wheels: Path, instance: str | None = None
) -> Iterator[Package]:
    """Check a given archive, or make a temporary one of a model directory.

    The same model gives the same bytes, so that an unchanged deployment is recognised.

    Args:
        model: The model directory; ignored if there is an archive.
        archive: A `model.tar.gz`.
        wheels: Cache folder of downloaded wheels.
        instance: The instance that it is for; None: serverless, which has no GPU.

    Raises:
        ModelError: there is no model or archive, or it is damaged.
        ConfigError: the archive is not for the instance.
        DownloadError: the wheels could not be downloaded.
    """
    gpu = instance is not None and has_gpu(instance)
    if archive is not None:
        found = check(archive)
        if found.contents.is_for_gpu != gpu:
            raise ConfigError(
                f"{archive}: it is for {'GPUs' if not gpu else 'CPUs'}, and"
                f" {instance or 'serverless inference'} has {'a' if gpu else 'no'} GPU",
                hint=f"newsclf package{' --gpu' if gpu else ''} --out FILE makes one that fits",
            )
        yield found
        return
    with tempfile.TemporaryDirectory(prefix="newsclf-") as scratch:
        out = Path(scratch) / "model.tar.gz"
        try:
            made = package(PackageRequest(model=model, out=out, cache=wheels, gpu=gpu))
        except ConfigError as error:
            if isinstance(error.__cause__, OSError):
                error.hint = "free some space, or set TMPDIR to a folder with more"
            raise
        yield made


def _code(request: PackageRequest) -> dict[str, Path | bytes]:
    """The files under `code/`, by their path there."""
    root = Path(newsclf.__file__).parents[1]
    engine = archive.GPU_ENGINE if request.gpu else archive.ENGINE
    packages = {} if request.gpu else _packages(request)
    return {
        "inference.py": root / "newsclf/serving/sagemaker_hooks.py",
        **{name: root / name for name in (*archive.MODULES, engine)},
        **{f"packages/{name}": content for name, content in packages.items()},
    }


def _packages(request: PackageRequest) -> dict[str, bytes]:
    """The files of the packages that the stock container for CPUs lacks."""
    requirements = request.requirements or shipped_config(REQUIREMENTS_FILE)
    pins = read_pins(requirements)
    if all(pin.name != _RUNTIME for pin in pins):
        raise ConfigError(f"{requirements}: it does not pin {_RUNTIME}")
    wheels = (
        wheels_in(request.wheels, pins)
        if request.wheels
        else fetched_wheels(requirements, pins, request.cache)
    )
    return {name: content for wheel in wheels for name, content in unpacked(wheel).items()}
