"""Pool of worker processes behind one bounded queue: admission, deadlines, replacement."""

from __future__ import annotations

import asyncio
import json
import logging
import math
import os
import socket
import struct
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from newsclf.common.interpreter import module_command
from newsclf.contract.answers import Prediction
from newsclf.serving.refusal import RefusedError

_HEADER = struct.Struct(">I")
"""Length of a message, as in `newsclf.serving.worker`."""
_CHUNK_HEADLINES = 16
_TOGETHER_HEADLINES = 4
"""Short jobs are sent in one message up to this sum, since each message wakes both processes."""
_MESSAGES_AHEAD = 2
_START_WITHIN_S = 300.0
"""Time that a worker has to load the model; SageMaker gives a container 8 minutes."""
_MOST_RESTART_PAUSES = 64
"""The pause doubles with each failure, up to this multiple of the first."""
_STEADY_S = 60.0
"""Time for which a worker must be ready before the pauses start from the first again."""
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class PoolOptions:
    """Sizes and limits of a pool of workers."""

    workers: int = 1
    """Worker processes, each with an engine."""
    threads: int = 1
    """Threads of each engine."""
    queue_headlines: int = 200
    """Waiting headlines beyond which requests are refused."""
    deadline_s: float = 20.0
    """Time within which a request must be answered."""
    worker_module: str = "newsclf.serving.worker"
    """Module that each worker process runs."""
    restart_pause_s: float = 0.5
    """First pause before a worker is replaced."""


class _WorkerRefusedError(Exception):
    """A worker can't use the model; the text says why."""


@dataclass(frozen=True, slots=True)
class _Job:
    texts: list[str]
    answer: asyncio.Future[list[Prediction]]


class _Begun:
    """A pipe on which a worker counts the jobs that it begins: a byte for each.

    It wakes no process: it is read when the worker has answered or died.
    """

    def __init__(self) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._count = 0

    def count(self) -> int:
        """How many jobs have been begun."""
        with suppress(BlockingIOError):
            self._count += len(os.read(self.reader, 1024))
        return self._count


class _Jobs(asyncio.Queue[_Job]):
    """A queue whose next job can be looked at."""

    _queue: deque[_Job]
    """asyncio's own, which is its subclasses' too."""

    def next_headlines(self) -> int:
        """Headlines of the job that comes next; there is one."""
        return len(self._queue[0].texts)


class Pool:
    """N worker processes that classify headlines; those that die or hang are replaced.

    A request is split into jobs of at most 16 headlines, so that a long one uses all workers and
    does not delay short ones; short jobs that wait are sent together. While more than
    `queue_headlines` headlines are waiting, requests are refused at once, since an answer that
    comes too late costs as much as a good one.

    A worker is replaced after a pause, which grows each time; its replacement must find the files
    that the server was started with.
    """

    def __init__(self, folder: Path, digests: Mapping[str, str], options: PoolOptions) -> None:
        self._command = module_command(options.worker_module)
        self._arguments = (str(folder), str(options.threads), json.dumps(dict(digests)))
        self._options = options
        self._jobs = _Jobs()  # bounded by `classify`
        self._ready = [False] * options.workers
        self._problems: list[str | None] = [None] * options.workers
        self._was_ready = False
        self._idle = 0
        self._tasks: list[asyncio.Task[None]] = []
        self._spawning = asyncio.Lock()
        """Held while a process is started: cancelled then, it would never be stopped."""
        self._processes: set[asyncio.subprocess.Process] = set()
        self._failures: set[str] = set()
        self.failed = asyncio.Event()
        """Set when a worker ends before any has been ready, so that starting more is no use."""
        self.waiting_headlines = 0
        """Headlines that were admitted and have no answer yet."""

    @property
    def problems(self) -> list[str]:
        """Why workers are not ready; each reason once."""
        return sorted({problem for problem in self._problems if problem is not None})

    @property
    def workers_ready(self) -> Sequence[bool]:
        """For each worker, whether it is alive and has made a prediction."""
        return self._ready

    def start(self) -> None:
        """Start the workers; they become ready one by one."""
        self._tasks = [asyncio.create_task(self._keep_alive(i)) for i in range(len(self._ready))]

    async def stop(self) -> None:
        """Kill the workers."""
        async with self._spawning:
            for task in self._tasks:
                task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        for process in self._processes:  # those that were just being started or replaced
            await _kill(process)

    def check_admits(self) -> None:
        """Check whether a request would be admitted now.

        Raises:
            RefusedError: with 503: no worker is ready, or too many headlines are waiting.
        """
        if not any(self._ready):
            raise RefusedError(503, "not_ready", "no worker is ready")
        if self.waiting_headlines >= self._options.queue_headlines:
            raise RefusedError(503, "overloaded", "too many requests are waiting")

    async def classify(self, texts: Sequence[str]) -> list[Prediction]:
        """Classify headlines; the predictions are in their order.

        Raises:
            RefusedError: with 503: no worker is ready, too many headlines are waiting, the deadline
                passed, or the worker died over them; with 500: the model failed on them.
        """
        self.check_admits()
        loop = asyncio.get_running_loop()
        jobs = [
            _Job(list(texts[i : i + _CHUNK_HEADLINES]), loop.create_future())
            for i in range(0, len(texts), _CHUNK_HEADLINES)
        ]
        self.waiting_headlines += len(texts)
        try:
            for job in jobs:
                self._jobs.put_nowait(job)
            async with asyncio.timeout(self._options.deadline_s):
                answers = await asyncio.gather(*(job.answer for job in jobs))
        except TimeoutError:
            raise _not_in_time() from None
        finally:
            for job in jobs:
                job.answer.cancel()  # workers skip such jobs
                job.texts.clear()  # those that are still queued need not hold them
            self.waiting_headlines -= len(texts)
        return [prediction for answer in answers for prediction in answer]

    async def _keep_alive(self, index: int) -> None:
        loop = asyncio.get_running_loop()
        pauses, last_problem = 1, ""
        while True:
            started_s = loop.time()
            try:
                await self._run_worker(index)
            except (OSError, asyncio.IncompleteReadError, _WorkerRefusedError) as error:
                problem = _problem_of(error)
            finally:
                was_ready, self._ready[index] = self._ready[index], False
            self._problems[index] = problem
            if not self._was_ready:
                self.failed.set()
                return
            if was_ready or problem != last_problem:  # once for each series of equal failures
                last_problem = problem
                _log.error("worker %d is replaced: %s", index, problem)
            if was_ready and loop.time() - started_s > _STEADY_S:
                pauses = 1
            await asyncio.sleep(pauses * self._options.restart_pause_s)
            pauses = min(2 * pauses, _MOST_RESTART_PAUSES)

    async def _run_worker(self, index: int) -> None:
        ours, theirs = socket.socketpair()
        begun = _Begun()
        try:
            async with self._spawning:
                process = await asyncio.create_subprocess_exec(
                    *self._command,
                    str(theirs.fileno()),
                    str(begun.writer),
                    *self._arguments,
                    pass_fds=[theirs.fileno(), begun.writer],
                    start_new_session=True,  # Ctrl-C in a terminal goes to a whole group
                )
                self._processes.add(process)
        except BaseException:
            ours.close()
            os.close(begun.reader)
            raise
        finally:
            theirs.close()
            os.close(begun.writer)
        reader, writer = await asyncio.open_unix_connection(sock=ours)
        try:
            hello = await _read_message(reader, _START_WITHIN_S)
            if isinstance(hello, dict):
                raise _WorkerRefusedError(hello["error"])
            if self._problems[index] is not None:
                _log.warning("worker %d is ready again", index)
            self._ready[index] = self._was_ready = True
            self._problems[index] = None
            await self._feed(process, reader, writer, begun)
        finally:
            writer.close()
            os.close(begun.reader)
            await _kill(process)
            self._processes.discard(process)

    async def _feed(
        self,
        process: asyncio.subprocess.Process,
        reader: asyncio.StreamReader,
        writer: asyncio.StreamWriter,
        begun: _Begun,
    ) -> None:
        """Give a worker messages until it dies, one ahead, so that it need not wait for the next.

        A worker that sends no answer within the deadline hangs, and counts as dead. If it dies,
        only the job that it had begun is lost; if it hangs, those that wait behind run out of time
        as well.
        """
        death = asyncio.create_task(process.wait())
        sent: deque[deque[_Job]] = deque()
        answered = 0
        lost = RefusedError(503, "worker_lost", "the worker with this request died")
        try:
            while True:
                if not sent:
                    self._send(self._together([await self._next_job(death)]), writer, sent)
                # Jobs that idle workers are about to take are not for a busy one.
                while len(sent) < _MESSAGES_AHEAD and self._jobs.qsize() > self._idle:
                    self._send(self._together([]), writer, sent)
                if sent:  # else the callers of all these jobs have given up
                    answers = await _read_message(reader, self._options.deadline_s)
                    for answer in answers:  # to the first message, or a part of it
                        self._answer(sent[0].popleft(), answer)
                    if not sent[0]:
                        sent.popleft()
                    answered += len(answers)
                    begun.count()  # so that the pipe is never full
        except TimeoutError:
            lost = _not_in_time()
            raise
        finally:
            death.cancel()
            self._put_back(sent, begun.count() - answered, lost)

    def _together(self, jobs: list[_Job]) -> list[_Job]:
        """Add to these jobs what waits, up to a few headlines and the share of one worker."""
        share = math.ceil((len(jobs) + self._jobs.qsize()) / sum(self._ready))
        headlines = sum(len(job.texts) for job in jobs)
        while (
            len(jobs) < share
            and self._jobs.qsize() > self._idle
            and (not jobs or headlines + self._jobs.next_headlines() <= _TOGETHER_HEADLINES)
        ):
            headlines += self._jobs.next_headlines()
            jobs.append(self._jobs.get_nowait())
        return jobs

    def _put_back(self, sent: Sequence[Sequence[_Job]], begun: int, lost: RefusedError) -> None:
        """Settle the jobs of a dead worker, which died over the last one that it had begun."""
        for number, job in enumerate((job for jobs in sent for job in jobs), start=1):
            if number != begun:
                self._jobs.put_nowait(job)
            elif not job.answer.done():
                job.answer.set_exception(lost)

    def _answer(self, job: _Job, answer: Any) -> None:
        if isinstance(answer, dict) and answer["error"] not in self._failures:
            self._failures.add(answer["error"])
            _log.error("a request failed: %s", answer["error"])
        if job.answer.done():
            return
        if isinstance(answer, dict):
            failed = RefusedError(500, "model_failed", "the model failed on this request")
            job.answer.set_exception(failed)
        else:
            job.answer.set_result([Prediction(tuple(row)) for row in answer])

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
    def _send(jobs: Sequence[_Job], writer: asyncio.StreamWriter, sent: deque[deque[_Job]]) -> None:
        wanted = [job for job in jobs if not job.answer.done()]  # the others' callers gave up
        if wanted:
            body = json.dumps([job.texts for job in wanted]).encode()
            writer.write(_HEADER.pack(len(body)) + body)
            sent.append(deque(wanted))


def _problem_of(error: Exception) -> str:
    if isinstance(error, _WorkerRefusedError):
        return str(error)
    if isinstance(error, TimeoutError):
        return "it did not answer in time and was killed"
    if isinstance(error, OSError) and not isinstance(error, ConnectionError):
        return f"it cannot be started ({error.strerror})"
    return "it ended"


def _not_in_time() -> RefusedError:
    return RefusedError(503, "timeout", "the request was not answered in time")


async def _kill(process: asyncio.subprocess.Process) -> None:
    with suppress(ProcessLookupError):
        process.kill()
    await process.wait()


async def _read_message(reader: asyncio.StreamReader, within_s: float) -> Any:
    async with asyncio.timeout(within_s):
        size = _HEADER.unpack(await reader.readexactly(_HEADER.size))[0]
        return json.loads(await reader.readexactly(size))
