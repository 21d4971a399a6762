"""Load over HTTP: wrk posts headlines, one a request, in turn."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Sequence
from pathlib import Path

_SCRIPT = """
local bodies = {}
for line in io.lines("BODIES") do bodies[#bodies + 1] = line end
local i = 0
wrk.method = "POST"
wrk.headers["Content-Type"] = "application/json"
request = function()
  i = i + 1
  return wrk.format(nil, nil, nil, bodies[(i % #bodies) + 1])
end
"""


def write_script(texts: Sequence[str], folder: Path) -> Path:
    """Write wrk's script and the bodies that it posts; returns the script."""
    bodies = "".join(json.dumps({"inputs": text}) + "\n" for text in texts)
    (folder / "bodies.txt").write_text(bodies, encoding="utf-8")
    script = folder / "post.lua"
    script.write_text(_SCRIPT.replace("BODIES", str(folder / "bodies.txt")), encoding="utf-8")
    return script


def requests_per_s(script: Path, url: str, connections: int, seconds: int) -> float:
    """Requests per second at `/invocations` of a server.

    Raises:
        RuntimeError: not every answer was 200.
    """
    done = subprocess.run(
        ["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "-s", script, f"{url}/invocations"],  # noqa: S607 - wherever it is
        capture_output=True,
        text=True,
        check=True,
    )
    if "Non-2xx" in done.stdout:
        raise RuntimeError(done.stdout)
    found = re.search(r"Requests/sec:\s+([\d.]+)", done.stdout)
    assert found is not None  # noqa: S101 - wrk always prints it
    return float(found[1])
