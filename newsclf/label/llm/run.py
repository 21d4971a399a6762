"""Ask models for the labels of headlines: votes, retries, a limit on cost, and a total.

Each model is asked in a closed loop: a number of requests at a time, each followed by the next. The
first request to a model goes alone, so that a wrong key, a wrong name or a parameter that the
server does not take shows once.
"""

from __future__ import annotations

import asyncio
import datetime as dt
import logging
import random
from collections import Counter
from collections.abc import Awaitable, Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Final

from newsclf.common.errors import (
    NewsclfError,
    RequestRejectedError,
    ServiceError,
)
from newsclf.common.records import StrictRecord
from newsclf.data.labelled import Vote
from newsclf.label.llm.answers import Failure, read_label
from newsclf.label.llm.budget import Budget
from newsclf.label.llm.journal import Answer, Journal, PaidAnswer, key_of
from newsclf.label.llm.model import (
    MOST_RAW_CHARACTERS,
    NotTakenError,
    Reply,
    UnansweredError,
)
from newsclf.label.llm.plan import LlmAnnotator, LlmSettings, Wanted, sampling_of, wanted_votes
from newsclf.label.llm.prompt import Message, Prompt

log = logging.getLogger(__name__)

_FIRST_WAIT_S = 1.0
_LONGEST_WAIT_S = 60.0
_LONGEST_RETRY_AFTER_S = 600.0
_FAILURES_IN_A_ROW = 10
"""Headlines in a row without an answer after which a model is given up."""
_REASONING_TOKENS = 4_000
"""Enough for most models to reason about a headline."""
_RESUMES: Final = "run the same command again; it goes on where this one stopped"


class LlmTotals(StrictRecord):
    """What a run brought and cost."""

    headlines: int
    """Different ones."""
    requests: int
    """Sent, whatever came of them."""
    retries: int
    """Those of them that repeated one without an answer."""
    answered: int
    """Votes that were asked for in this run, failures included."""
    cached: int
    """Votes that earlier runs have paid for."""
    failed: dict[str, int]
    """Votes without a label, by reason; those of earlier runs included."""
    not_asked: int
    """Votes that no request was sent for, because it might have exceeded the limit on cost."""
    input_tokens: int
    output_tokens: int
    cost_usd: Decimal
    """Of this run, by the tokens that the servers counted."""
    unreported_usd: Decimal
    """What requests of this run may have cost beyond that, at most: those for which the server
    said nothing, as when an answer was cut off."""
    spent_usd: Decimal
    """What all runs with this journal may have cost, at most."""


@dataclass(frozen=True, slots=True)
class LlmProgress:
    """How far a run is."""

    done: int
    """Votes."""
    total: int
    cached: int
    failed: int
    spent_usd: Decimal
    """In this run, at most."""


@dataclass(frozen=True, slots=True)
class LlmVotes:
    """The votes of all models, and what they cost."""

    votes: dict[str, tuple[Vote, ...]]
    """Headline → its votes, failures included. There are fewer than asked for where the limit on
    cost was reached."""
    totals: LlmTotals


@dataclass(frozen=True, slots=True)
class Waiting:
    """How a run waits; tests replace it."""

    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    jitter: Callable[[], float] = random.random
    """Random number from 0 to 1."""
    now: Callable[[], dt.datetime] = lambda: dt.datetime.now(dt.UTC)


async def annotate(
    texts: Iterable[str],
    annotators: Sequence[LlmAnnotator],
    prompt: Prompt,
    settings: LlmSettings,
    journal: Journal,
    *,
    on_progress: Callable[[LlmProgress], None] = lambda _: None,
    waiting: Waiting | None = None,
) -> LlmVotes:
    """Ask models for the labels of headlines.

    Args:
        texts: Headlines; one that occurs twice is asked for once.
        annotators: The models, each with its own name.
        prompt: Instructions and examples.
        settings: How they are asked.
        journal: Where answers are kept and looked up.
        on_progress: Called after each vote.
        waiting: How to wait.

    Raises:
        ConfigError: There are more models than votes, or one is there twice.
        RequestRejectedError: A model takes no request: its key or name is wrong, for instance.
        ServiceError: A model can't be reached, fails all the time, or asks to wait for long.
        DataError: The journal can't be written.
    """
    run = _Run(
        annotators,
        prompt,
        settings,
        journal,
        on_progress=on_progress,
        waiting=waiting or Waiting(),
    )
    return await run.run(list(dict.fromkeys(texts)))


@dataclass
class _Lane:
    """What a run knows of one model."""

    annotator: LlmAnnotator
    answered: bool = False
    """Whether the model has answered anything."""
    failed_in_a_row: int = 0
    reasoned_in_a_row: int = 0
    """Answers in a row that their reasoning left no tokens for."""
    holds: int = 0
    """Requests that the server has asked to wait."""
    is_free: asyncio.Event = field(default_factory=asyncio.Event)

    def __post_init__(self) -> None:
        self.is_free.set()

    @property
    def name(self) -> str:
        """Name of the model."""
        return self.annotator.model.name


@dataclass(slots=True)
class _Sent:
    """What a request costs and brings; until it ends, its worst case."""

    most_usd: Decimal
    reported: bool = False
    """Whether the server said what it bills."""
    answer: Answer | None = None
    cost_usd: Decimal = field(init=False)

    def __post_init__(self) -> None:
        self.cost_usd = self.most_usd


class _Run:
    """One call of `annotate`."""

    def __init__(
        self,
        annotators: Sequence[LlmAnnotator],
        prompt: Prompt,
        settings: LlmSettings,
        journal: Journal,
        *,
        on_progress: Callable[[LlmProgress], None],
        waiting: Waiting,
    ) -> None:
        self._annotators = annotators
        self._prompt = prompt
        self._settings = settings
        self._sampling = sampling_of(annotators, settings)
        self._journal = journal
        self._on_progress = on_progress
        self._waiting = waiting
        self._budget = Budget(settings.max_cost_usd, journal.spent_usd)
        self._before_usd = journal.spent_usd
        self._votes: dict[str, dict[int, Vote]] = {}
        self._total = 0
        self._counts: Counter[str] = Counter()
        self._cost_usd = Decimal(0)
        self._unreported_usd = Decimal(0)
        self._error: NewsclfError | None = None

    async def run(self, texts: Sequence[str]) -> LlmVotes:
        """Ask for all votes."""
        self._votes = {text: {} for text in texts}
        self._total = len(texts) * self._settings.votes
        lanes = [_Lane(annotator) for annotator in self._annotators]
        wanted = [list(self._uncached(lane, i, texts)) for i, lane in enumerate(lanes)]
        if self._counts["cached"]:
            self._report()
        async with asyncio.TaskGroup() as group:
            for lane, of_lane in zip(lanes, wanted, strict=True):
                group.create_task(self._ask_model(lane, iter(of_lane)))
        if self._error is not None:
            raise self._error
        votes = {
            text: tuple(vote for _, vote in sorted(found.items()))
            for text, found in self._votes.items()
        }
        return LlmVotes(votes, self._totals())

    def _uncached(self, lane: _Lane, index: int, texts: Sequence[str]) -> Iterator[Wanted]:
        """The votes of a model that no earlier run has paid for; the others are taken."""
        for wanted in wanted_votes(texts, index, len(self._annotators), self._settings.votes):
            found = self._journal.find(self._key(lane, wanted))
            if found is None:
                yield wanted
            else:
                self._counts["cached"] += 1
                self._take(wanted, _vote(found))

    async def _ask_model(self, lane: _Lane, wanted: Iterator[Wanted]) -> None:
        await self._work(lane, wanted, at_most=1)
        async with asyncio.TaskGroup() as group:
            for _ in range(self._settings.concurrency):
                group.create_task(self._work(lane, wanted))

    async def _work(
        self, lane: _Lane, wanted: Iterator[Wanted], at_most: int | None = None
    ) -> None:
        """Ask for one vote after another, until there are no more or the run must end."""
        done = 0
        while self._error is None and done != at_most:
            vote = next(wanted, None)
            if vote is None:
                return
            try:
                await self._ask(lane, vote)
            except NewsclfError as error:
                # What is on its way to the models is paid for, so it ends before the run does.
                self._error = self._error or error
            done += 1

    async def _ask(self, lane: _Lane, wanted: Wanted) -> None:
        """Ask for one vote, as often as it takes."""
        message = self._prompt.message(wanted.text)
        problem: UnansweredError | None = None
        for attempt in range(1, self._settings.attempts + 1):
            await lane.is_free.wait()
            if self._error is not None:
                return
            try:
                vote = await self._attempt(lane, wanted, message, repeated=attempt > 1)
            except UnansweredError as error:
                log.info("%s: %s (attempt %d)", lane.name, error.problem, attempt)
                problem = error
                await self._back_off(lane, error, attempt)
                continue
            if vote is None:
                self._counts["not_asked"] += 1
            else:
                self._counts["answered"] += 1
                self._take(wanted, vote)
                self._report()
            return
        if problem is not None:
            self._give_up(lane, wanted, problem)

    async def _attempt(
        self, lane: _Lane, wanted: Wanted, message: Message, *, repeated: bool
    ) -> Vote | None:
        """Send one request.

        Returns:
            The vote; None if the request might exceed the limit on cost.

        Raises:
            UnansweredError: There is no answer.
            RequestRejectedError: The model takes no request.
            ServiceError: The model bills more than it can.
        """
        most_usd = lane.annotator.price.most(message, self._sampling)
        if not await self._budget.reserve(most_usd):
            return None
        sent = _Sent(most_usd)
        try:
            if self._error is not None:
                sent.cost_usd = Decimal(0)
                return None
            asked = self._journal.add_asked(most_usd)
            self._counts["requests"] += 1
            self._counts["retries"] += repeated
            try:
                return await self._send(lane, wanted, message, sent)
            finally:
                # Also when the run is cancelled: then the worst case counts, as after a kill.
                self._journal.add_ended(
                    asked, sent.cost_usd, reported=sent.reported, answer=sent.answer
                )
        finally:
            await self._settle(sent)

    async def _send(self, lane: _Lane, wanted: Wanted, message: Message, sent: _Sent) -> Vote:
        """Send a request whose cost was set aside, and note what it brought and cost."""
        try:
            reply = await lane.annotator.model.ask(message, self._sampling)
        except UnansweredError as error:
            if not error.billed:
                sent.cost_usd = Decimal(0)
            raise
        except NotTakenError as error:
            sent.cost_usd = Decimal(0)
            problem = f"{lane.name}: {error.problem}"
            if error.always or not lane.answered:
                raise RequestRejectedError(problem, hint=error.hint) from None
            log.info("%s", problem)
            return self._failure(lane, "rejected")
        is_first = not lane.answered
        lane.answered, lane.failed_in_a_row = True, 0
        if reply.usage is not None:
            sent.cost_usd, sent.reported = lane.annotator.price.of(reply.usage), True
            self._counts["input_tokens"] += reply.usage.input_tokens
            self._counts["output_tokens"] += reply.usage.output_tokens
        sent.answer = self._answer(lane, wanted, reply)
        if sent.cost_usd > sent.most_usd and self._budget.is_limited:
            self._error = self._error or _over_limit(lane.name, reply)
        self._check_reasoning(lane, reply, is_first=is_first)
        return _vote(PaidAnswer(answer=sent.answer, cost_usd=sent.cost_usd))

    def _check_reasoning(self, lane: _Lane, reply: Reply, *, is_first: bool) -> None:
        """End the run, before more is paid for nothing, if reasoning leaves no room for answers."""
        if reply.failure != "reasoned too long":
            lane.reasoned_in_a_row = 0
            return
        lane.reasoned_in_a_row += 1
        if is_first or lane.reasoned_in_a_row >= _FAILURES_IN_A_ROW:
            limit = self._sampling.max_tokens
            self._error = self._error or ServiceError(
                f"{lane.name}: its reasoning leaves nothing of {limit:,} tokens for an answer",
                hint=f"--max-answer-tokens {max(_REASONING_TOKENS, 2 * limit)} allows more, which"
                " is set aside from --max-cost for each request",
            )

    async def _settle(self, sent: _Sent) -> None:
        if sent.reported:
            self._cost_usd += sent.cost_usd
        else:
            self._unreported_usd += sent.cost_usd
        await self._budget.settle(sent.most_usd, sent.cost_usd)

    async def _back_off(self, lane: _Lane, error: UnansweredError, attempt: int) -> None:
        """Wait before the next attempt; if the server asks for it, the whole lane does."""
        if attempt == self._settings.attempts:
            return
        asked_s = error.retry_after_s or 0.0
        if asked_s > _LONGEST_RETRY_AFTER_S:
            raise ServiceError(
                f"{lane.name} asks to wait {asked_s / 60:.0f} minutes: {error.problem}",
                hint=f"then {_RESUMES}",
            )
        back_off_s = self._waiting.jitter() * min(_FIRST_WAIT_S * 2**attempt, _LONGEST_WAIT_S)
        if not asked_s:
            await self._waiting.sleep(back_off_s)
            return
        lane.holds += 1
        lane.is_free.clear()
        try:
            await self._waiting.sleep(max(asked_s, back_off_s))
        finally:
            lane.holds -= 1
            if not lane.holds:
                lane.is_free.set()

    def _give_up(self, lane: _Lane, wanted: Wanted, problem: UnansweredError) -> None:
        """Take a vote that no attempt has brought for failed, or end the run."""
        lane.failed_in_a_row += 1
        if not lane.answered or lane.failed_in_a_row >= _FAILURES_IN_A_ROW:
            raise ServiceError(f"{lane.name}: {problem.problem}", hint=_RESUMES)
        self._counts["answered"] += 1
        self._take(wanted, self._failure(lane, problem.failure))
        self._report()

    def _answer(self, lane: _Lane, wanted: Wanted, reply: Reply) -> Answer:
        label, failure = (None, reply.failure) if reply.failure else read_label(reply.raw)
        return Answer(
            key=self._key(lane, wanted),
            annotator=lane.name,
            prompt=self._prompt.digest,
            at=self._waiting.now(),
            raw=_writable(reply.raw[:MOST_RAW_CHARACTERS]),
            label=label,
            failure=failure,
            input_tokens=reply.usage.input_tokens if reply.usage else None,
            output_tokens=reply.usage.output_tokens if reply.usage else None,
        )

    def _failure(self, lane: _Lane, failure: Failure) -> Vote:
        """A vote without an answer; it is asked for again in the next run."""
        return Vote(
            annotator=lane.name,
            kind="llm",
            label=None,
            at=self._waiting.now(),
            failure=failure,
            prompt=self._prompt.digest,
        )

    def _key(self, lane: _Lane, wanted: Wanted) -> str:
        digest = self._prompt.digest
        return key_of(lane.name, digest, self._sampling, wanted.text, wanted.number)

    def _take(self, wanted: Wanted, vote: Vote) -> None:
        self._votes[wanted.text][wanted.place] = vote
        self._counts["failed"] += vote.failure is not None

    def _report(self) -> None:
        self._on_progress(
            LlmProgress(
                done=self._counts["answered"] + self._counts["cached"],
                total=self._total,
                cached=self._counts["cached"],
                failed=self._counts["failed"],
                spent_usd=self._budget.spent_usd - self._before_usd,
            )
        )

    def _totals(self) -> LlmTotals:
        failed = Counter[str](
            vote.failure
            for votes in self._votes.values()
            for vote in votes.values()
            if vote.failure is not None
        )
        return LlmTotals(
            headlines=len(self._votes),
            failed=dict(failed.most_common()),
            cost_usd=self._cost_usd,
            unreported_usd=self._unreported_usd,
            spent_usd=self._budget.spent_usd,
            requests=self._counts["requests"],
            retries=self._counts["retries"],
            answered=self._counts["answered"],
            cached=self._counts["cached"],
            not_asked=self._counts["not_asked"],
            input_tokens=self._counts["input_tokens"],
            output_tokens=self._counts["output_tokens"],
        )


def _writable(text: str) -> str:
    """A text without halves of surrogate pairs, which JSON can hold and UTF-8 can't."""
    return text.encode(errors="backslashreplace").decode()


def _vote(paid: PaidAnswer) -> Vote:
    answer = paid.answer
    return Vote(
        annotator=answer.annotator,
        kind="llm",
        label=answer.label,
        at=answer.at,
        raw=answer.raw,
        failure=answer.failure,
        prompt=answer.prompt,
        cost_usd=float(paid.cost_usd),
    )


def _over_limit(name: str, reply: Reply) -> ServiceError:
    usage = reply.usage
    counted = f"{usage.input_tokens:,} + {usage.output_tokens:,}" if usage else ""
    return ServiceError(
        f"{name} bills more tokens than a request and its answer can have ({counted}), so no limit"
        " on cost can be kept",
        hint="its answer may exceed --max-answer-tokens: set a limit at the provider, then leave"
        " out --max-cost",
    )
