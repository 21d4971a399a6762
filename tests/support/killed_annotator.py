"""Ask a model for labels, and be killed: a process for tests of what a journal survives.

    python killed_annotator.py JOURNAL URL HEADLINES CONCURRENCY FATAL_LINE BYTES

Of the line of that number (0: none) it writes that many bytes, at most all of them, and kills
itself with SIGKILL.
"""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
from decimal import Decimal
from pathlib import Path

from newsclf.label.llm import journal as journals
from newsclf.label.llm.openai import OpenAiModel
from newsclf.label.llm.plan import LlmAnnotator, LlmSettings
from newsclf.label.llm.prices import price_from
from newsclf.label.llm.prompt import Prompt
from newsclf.label.llm.run import LlmTotals, annotate

LIMIT_USD = Decimal("0.02")
PRICE = ("0.4", "1.6")


async def label(path: Path, url: str, headlines: list[str], concurrency: int) -> LlmTotals:
    """Ask for the labels of all headlines."""
    model = OpenAiModel(url, "m")
    settings = LlmSettings(concurrency=concurrency, max_cost_usd=LIMIT_USD)
    annotators = [LlmAnnotator(model, price_from(",".join(PRICE)))]
    try:
        with journals.Journal(path) as journal:
            found = await annotate(headlines, annotators, Prompt(), settings, journal)
    finally:
        await model.close()
    return found.totals


def main() -> None:
    """Label until the end, or until killed."""
    path, url, headlines = Path(sys.argv[1]), sys.argv[2], json.loads(sys.argv[3])
    concurrency, fatal, size_bytes = (int(n) for n in sys.argv[4:7])
    real, lines = os.write, 0

    def write(descriptor: int, data: bytes) -> int:
        nonlocal lines
        if data.startswith(b'{"kind":'):
            lines += 1
            if lines == fatal:
                real(descriptor, data[:size_bytes])
                os.kill(os.getpid(), signal.SIGKILL)
        return real(descriptor, data)

    os.write = write  # type: ignore[assignment] # a narrower one will do here
    asyncio.run(label(path, url, headlines, concurrency))


if __name__ == "__main__":
    main()
