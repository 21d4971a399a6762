"""Take a picture of a page of this machine with Chromium or Chrome."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from newsclf.common.errors import NewsclfError, reason_of

_BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
_FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-dev-shm-usage",  # containers often have 64 MB there, with which it crashes
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--no-default-browser-check",
    "--hide-scrollbars",
    "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
    # A page with a stream of events never ends loading.
    "--timeout=3000",
)
_LIMIT_S = 30.0


def find_browser() -> str | None:
    """Path of Chromium or Chrome; None if neither is on PATH."""
    return next((found for name in _BROWSERS if (found := shutil.which(name))), None)


def take_picture(
    browser: str, address: str, file: Path, *, width: int = 1280, height: int = 1400
) -> None:
    """Write a picture of a page to a PNG file.

    The browser gets a profile of its own, which is deleted afterwards, and resolves no name.

    Args:
        browser: Path of Chromium or Chrome.
        address: Of a page on 127.0.0.1.
        file: The picture; one that is there is replaced.
        width: Of the window, pixels.
        height: Of the window, pixels.

    Raises:
        NewsclfError: The browser can't be started, or has made no picture.
    """
    file.unlink(missing_ok=True)
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        # Chromium's sandbox does not work for root, and is not weakened for anybody else.
        unsandboxed = ["--no-sandbox"] if os.geteuid() == 0 else []
        command = [
            browser,
            *_FLAGS,
            *unsandboxed,
            f"--user-data-dir={folder}/profile",
            f"--window-size={width},{height}",
            f"--screenshot={file.absolute()}",
            address,
        ]
        own = {"HOME": folder, "XDG_CONFIG_HOME": folder, "XDG_CACHE_HOME": folder}
        try:
            subprocess.run(  # noqa: S603 - a browser on PATH, with arguments that we made
                command,
                env=os.environ | own,
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                timeout=_LIMIT_S,
                check=False,
            )
        except subprocess.TimeoutExpired:
            raise NewsclfError(f"{browser} took longer than {_LIMIT_S:g} s") from None
        except OSError as error:
            raise NewsclfError(f"{browser} can't be started ({reason_of(error)})") from error
    if not file.is_file():
        raise NewsclfError(f"{browser} made no picture")
