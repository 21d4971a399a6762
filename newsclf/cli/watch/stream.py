"""Changes of a watch as JSON lines on stdout."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from newsclf.cli.watch.lines import MAX_WAITING, LineQueue
from newsclf.common.visible import visible_json
from newsclf.watch.page.hub import Hub
from newsclf.watch.page.stream import MissedLine, StreamLine, line_of


@asynccontextmanager
async def json_stream(
    hub: Hub,
    write: Callable[[str], object],
    *,
    encoding: str = "utf-8",
    max_waiting: int = MAX_WAITING,
) -> AsyncIterator[None]:
    """Write a line of JSON for each change that is published in this block.

    Args:
        hub: Where changes are published.
        write: Writes and flushes whole lines, such as `Output.lines`; called in a thread.
        encoding: Of the stream; what it lacks is written as an escape.
        max_waiting: Lines that may wait for the reader; a line of the kind `missed` stands for
            those beyond.

    Raises:
        OSError: Writing failed, such as on a closed pipe; the block is cancelled then.
    """
    lines = LineQueue(
        write,
        missed=lambda changes: _json(MissedLine(changes=changes), encoding),
        max_waiting=max_waiting,
    )
    async with lines.written():
        with hub.listen(lambda change: lines.put(_json(line_of(change), encoding))):
            yield


def _json(line: StreamLine, encoding: str) -> str:
    text = line.model_dump_json()
    try:
        text.encode(encoding)
    except UnicodeEncodeError:
        text = json.dumps(json.loads(text))
    return visible_json(text)
