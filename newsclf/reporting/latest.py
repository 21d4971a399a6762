"""Find the report of a folder, and the latest of several."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from newsclf.common.errors import ConfigError

REPORT = "report.html"
_PAGES = (".html", ".htm")


def report_in(path: Path) -> Path:
    """The report that a path names: a page, or a folder that holds one.

    Raises:
        ConfigError: There is none.
    """
    found = path / REPORT if path.is_dir() else path
    if path.exists() and found.suffix not in _PAGES:  # a system may run what it is told to show
        raise ConfigError(f"{path}: not an HTML page", hint=f"name a {REPORT}, or its folder")
    if not found.is_file():
        raise ConfigError(
            f"{found}: there is no such report",
            hint="newsclf open --report shows the latest; newsclf evaluate and newsclf loadtest"
            " write one",
        )
    return found


def latest_report(folders: Iterable[Path]) -> Path | None:
    """The report that was written last in any of the folders; None if they hold none."""
    found = [report for folder in folders if (report := folder / REPORT).is_file()]
    return max(found, key=lambda report: report.stat().st_mtime_ns, default=None)
