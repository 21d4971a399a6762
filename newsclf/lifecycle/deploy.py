"""A model's archive for a deployment on AWS."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from newsclf.lifecycle.package import Package, PackageRequest, check, package


@contextmanager
def packed(model: Path, archive: Path | None, *, wheels: Path) -> Iterator[Package]:
    """The archive that `newsclf package` has made of a model, or one made of it for now.

    The same model gives the same bytes, so what is deployed already is recognised.

    Args:
        model: Its directory.
        archive: A `model.tar.gz`; the model directory is not looked at then.
        wheels: A folder that keeps downloaded wheels.

    Raises:
        ModelError: there is no model or archive, or it is damaged.
        DownloadError: the wheels could not be fetched.
    """
    if archive is not None:
        yield check(archive)
        return
    with tempfile.TemporaryDirectory(prefix="newsclf-") as scratch:
        out = Path(scratch) / "model.tar.gz"
        yield package(PackageRequest(model=model, out=out, cache=wheels))
