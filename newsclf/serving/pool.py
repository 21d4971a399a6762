"""Worker processes behind one bounded queue: who waits, who is refused, who is replaced."""

from __future__ import annotations

import asyncio
import json
import logging
import socket
import sys
from collections import deque
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from newsclf.core.contract import Prediction
from newsclf.serving.worker import HEADER

_CHUNK_HEADLINES = 16
_JOBS_AHEAD = 2
_RESTART_PAUSE_S = 0.5
_log = logging.getLogger(__name__)


class OverloadedError(Exception):
    """The queue is full, or a request waited for longer than it may."""


class WorkerLostError(Exception):
    """The worker process that had the request died."""


@dataclass(frozen=True, slots=True)
class _Job:
    texts: Sequence[str]
    answer: asyncio.Future[list[Prediction]]


class Pool:
    """Runs headlines on N worker processes, and replaces those that die.

    A request is cut into pieces of at most 16 headlines, so that a long one uses all workers and
    does not keep a short one waiting. What is waiting is bounded: beyond `queue_headlines` a
    request is refused at once, since an answer that comes too late costs as much as a good one.
    """

    def __init__(
        self,
        folder: Path,
        *,
        workers: int,
        threads: int,
        queue_headlines: int,
        deadline_s: float,
        worker_module: str,
    ) -> None:
        self._folder = folder
        self._worker_module = worker_module
        self._threads = threads
        self._queue_headlines = queue_headlines
        self._deadline_s = deadline_s
        self._jobs: asyncio.Queue[_Job] = asyncio.Queue()  # bounded by `classify`
        self._ready = [False] * workers
        self._was_ready = False
        self._idle = 0
        self._tasks: list[asyncio.Task[None]] = []
        self.failed = asyncio.Event()
        """Set when a worker ends before any has ever been ready: starting more would not help."""
        self.waiting_headlines = 0
        """Headlines that are admitted and not yet answered."""

    @property
    def is_full(self) -> bool:
        """Whether a request would be refused at once."""
        return self.waiting_headlines >= self._queue_headlines or not any(self._ready)

    @property
    def workers_ready(self) -> Sequence[bool]:
        """For each worker, whether it is alive and has made a prediction."""
        return self._ready

    def start(self) -> None:
        """Start the workers; they become ready one by one."""
        self._tasks = [asyncio.create_task(self._keep_alive(i)) for i in range(len(self._ready))]

    async def stop(self) -> None:
        """End the workers."""
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify headlines, in their order.

        Raises:
            OverloadedError: too many are waiting, or the deadline passed.
            WorkerLostError: a worker died over them.
        """
        if self.is_full:
            raise OverloadedError
        loop = asyncio.get_running_loop()
        jobs = [
            _Job(texts[i : i + _CHUNK_HEADLINES], loop.create_future())
            for i in range(0, len(texts), _CHUNK_HEADLINES)
        ]
        self.waiting_headlines += len(texts)
        try:
            for job in jobs:
                self._jobs.put_nowait(job)
            async with asyncio.timeout(self._deadline_s):
                answers = await asyncio.gather(*(job.answer for job in jobs))
        except TimeoutError:
            raise OverloadedError from None
        finally:
            # A worker passes over jobs whose answer nobody waits for any more.
            for job in jobs:
                job.answer.cancel()
            self.waiting_headlines -= len(texts)
        return [prediction for answer in answers for prediction in answer]

    async def _keep_alive(self, index: int) -> None:
        while True:
            try:
                await self._run_worker(index)
            except (OSError, asyncio.IncompleteReadError) as error:
                if not self._was_ready:
                    self.failed.set()
                    return
                _log.error("worker %d died (%s); starting another", index, type(error).__name__)
            finally:
                self._ready[index] = False
            await asyncio.sleep(_RESTART_PAUSE_S)

    async def _run_worker(self, index: int) -> None:
        ours, theirs = socket.socketpair()
        with theirs:
            process = await asyncio.create_subprocess_exec(
                sys.executable, "-m", self._worker_module,
                str(theirs.fileno()), str(self._folder), str(self._threads),
                pass_fds=[theirs.fileno()],
            )  # fmt: skip
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            await _read_message(reader)  # the prediction that shows that it works
            self._ready[index] = self._was_ready = True
            await self._feed(process, reader, writer)
        finally:
            writer.close()
            with suppress(ProcessLookupError):
                process.kill()
            await process.wait()

    async def _feed(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
    ) -> None:
        """Give a worker jobs until it dies, one ahead, so that it need not wait for the next."""
        death = asyncio.create_task(process.wait())
        sent: deque[_Job] = deque()
        try:
            while True:
                if not sent:
                    self._send(await self._next_job(death), writer, sent)
                # What an idle worker is about to take is not for a busy one.
                while len(sent) < _JOBS_AHEAD and self._jobs.qsize() > self._idle:
                    self._send(self._jobs.get_nowait(), writer, sent)
                if not sent:
                    continue  # all that waited has been given up
                scores = json.loads(await _read_message(reader))
                job = sent.popleft()
                if not job.answer.done():
                    job.answer.set_result([Prediction(tuple(row)) for row in scores])
        finally:
            death.cancel()
            for job in sent:
                if not job.answer.done():
                    job.answer.set_exception(WorkerLostError())

    async def _next_job(self, death: asyncio.Task[int]) -> _Job:
        """Wait for a job, or raise ConnectionResetError if the worker dies while it is idle."""
        arrival = asyncio.create_task(self._jobs.get())
        self._idle += 1
        try:
            await asyncio.wait({arrival, death}, return_when=asyncio.FIRST_COMPLETED)
        except asyncio.CancelledError:
            arrival.cancel()
            raise
        finally:
            self._idle -= 1
        if death.done():
            if not arrival.cancel():
                self._jobs.put_nowait(arrival.result())
            raise ConnectionResetError
        return arrival.result()

    @staticmethod
    def _send(job: _Job, writer: asyncio.StreamWriter, sent: deque[_Job]) -> None:
        if job.answer.done():  # nobody waits for it any more
            return
        body = json.dumps(job.texts).encode()
        writer.write(HEADER.pack(len(body)) + body)
        sent.append(job)


async def _read_message(reader: asyncio.StreamReader) -> bytes:
    size = HEADER.unpack(await reader.readexactly(HEADER.size))[0]
    return await reader.readexactly(size)
