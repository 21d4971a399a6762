"""Tests of a labelling run against a model that errs and a server that misbehaves."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from newsclf.common.errors import ConfigError, DataError, RequestRejectedError, ServiceError
from newsclf.contract.labels import LABELS
from newsclf.label.llm.journal import Journal
from newsclf.label.llm.openai import OpenAiModel
from newsclf.label.llm.plan import LlmAnnotator, LlmSettings, estimate
from newsclf.label.llm.prices import price_from
from newsclf.label.llm.prompt import Prompt
from newsclf.label.llm.run import LlmProgress, LlmVotes, Waiting, annotate
from tests.support.llmserver import (
    KEY,
    NO_LABEL,
    Deed,
    Llm,
    always,
    first,
    llm_server,
    now_and_then,
)

PRICE = ("0.4", "1.6")
TRUTH = {f"Headline number {i} of Acme": LABELS[i % 3] for i in range(120)}
FEW = dict(list(TRUTH.items())[:10])
FAULTS: dict[Deed, float] = {
    "429": 0.06,
    "429 date": 0.03,
    "500": 0.06,
    "502": 0.03,
    "cut": 0.04,
    "hang": 0.02,
    "outside": 0.04,
    "prose": 0.03,
    "wrong json": 0.03,
    "refuse": 0.03,
    "run on": 0.02,
    "filter": 0.02,
    "no usage": 0.04,
    "bare word": 0.05,
}


@dataclass
class Pauses:
    """Waiting that takes no time, and remembers for how long it was to be."""

    seconds: list[float] = field(default_factory=list)

    async def sleep(self, seconds: float) -> None:
        """Let the others go on."""
        self.seconds.append(seconds)
        await asyncio.sleep(0)

    @property
    def waiting(self) -> Waiting:
        """For a run."""
        return Waiting(sleep=self.sleep, jitter=lambda: 0.5)


def run(
    llms: Sequence[Llm],
    path: Path,
    *,
    texts: Sequence[str] | None = None,
    pauses: Pauses | None = None,
    key: str | None = None,
    timeout_s: float = 20.0,
    on_progress: Callable[[LlmProgress], None] = lambda _: None,
    **settings: Any,
) -> LlmVotes:
    """Annotate with models on servers of their own, which are called m0, m1 and so on."""

    async def main() -> LlmVotes:
        async with asyncio.TaskGroup() as group:
            ended = asyncio.Event()
            ready = [asyncio.Event() for _ in llms]

            async def serve(index: int) -> None:
                async with llm_server(llms[index]):
                    ready[index].set()
                    await ended.wait()

            for index in range(len(llms)):
                group.create_task(serve(index))
            for started in ready:
                await started.wait()
            models = [
                OpenAiModel(llm.url, f"m{i}", key=key, timeout_s=timeout_s)
                for i, llm in enumerate(llms)
            ]
            try:
                with Journal(path) as journal:
                    return await annotate(
                        list(llms[0].truth) if texts is None else texts,
                        [LlmAnnotator(model, price_from(",".join(PRICE))) for model in models],
                        Prompt(),
                        LlmSettings(**settings),
                        journal,
                        on_progress=on_progress,
                        waiting=(pauses or Pauses()).waiting,
                    )
            finally:
                for model in models:
                    await model.close()
                ended.set()

    try:
        return asyncio.run(main())
    except BaseExceptionGroup as group:
        raise group.exceptions[0] from None


def test_labels_failures_and_cost_come_out_as_known(tmp_path: Path) -> None:
    llm = Llm(TRUTH, now_and_then(FAULTS), error_rate=0.2)

    found = run([llm], tmp_path / "journal", attempts=12, timeout_s=3.0)

    last = {done.text: done.deed for done in llm.done}
    for text, (vote,) in found.votes.items():
        assert vote.failure == NO_LABEL.get(last[text])
        assert vote.label == (None if vote.failure else llm.label(text))
    totals = found.totals
    assert totals.failed == Counter(NO_LABEL[deed] for deed in last.values() if deed in NO_LABEL)
    assert totals.cost_usd == llm.billed_usd(*PRICE)
    assert totals.unreported_usd >= llm.billed_usd(*PRICE, secretly=True) > 0
    assert totals.requests == len(llm.done)
    assert totals.retries == len(llm.done) - len(TRUTH)
    assert (totals.headlines, totals.answered, totals.not_asked) == (len(TRUTH), len(TRUTH), 0)
    wrong = sum(vote.label not in (None, TRUTH[t]) for t, (vote,) in found.votes.items())
    assert wrong == sum(llm.label(t) != TRUTH[t] and last[t] not in NO_LABEL for t in TRUTH)
    assert wrong


def test_a_second_run_pays_for_nothing(tmp_path: Path) -> None:
    faults: dict[Deed, float] = {"outside": 0.1, "refuse": 0.1, "500": 0.1}
    llm = Llm(TRUTH, now_and_then(faults), error_rate=0.2)
    once = run([llm], tmp_path / "journal")
    again = run([Llm(TRUTH, port=llm.port)], tmp_path / "journal")

    assert again.votes == once.votes
    assert again.totals.requests == 0
    assert again.totals.cached == len(TRUTH)
    assert again.totals.cost_usd == 0
    assert again.totals.spent_usd == once.totals.spent_usd == llm.billed_usd(*PRICE)


def test_another_prompt_model_or_vote_is_another_question(tmp_path: Path) -> None:
    llm = Llm(FEW)
    run([llm], tmp_path / "journal", temperature=0)
    more = run([llm], tmp_path / "journal", temperature=0, votes=3)
    warmer = run([llm], tmp_path / "journal", temperature=1.0, votes=3)

    assert (more.totals.cached, more.totals.requests) == (10, 20)
    assert (warmer.totals.cached, warmer.totals.requests) == (0, 30)
    assert [body["temperature"] for body in llm.bodies] == [0.0] * 30 + [1.0] * 30


def test_several_models_take_turns(tmp_path: Path) -> None:
    llms = [Llm(FEW), Llm(FEW, error_rate=1.0)]

    found = run(llms, tmp_path / "journal", votes=5)

    hosts = [f"m{i}@127.0.0.1:{llm.port}" for i, llm in enumerate(llms)]
    for text, votes in found.votes.items():
        assert [vote.annotator for vote in votes] == [*hosts, *hosts, hosts[0]]
        assert [vote.label == TRUTH[text] for vote in votes] == [True, False, True, False, True]
    assert [len(llm.done) for llm in llms] == [30, 20]
    assert {body["temperature"] for llm in llms for body in llm.bodies} == {0.7}
    with pytest.raises(ConfigError, match="--votes 1 by 2 models"):
        run(llms, tmp_path / "journal", votes=1)


def test_the_first_request_goes_alone_and_no_more_run_than_agreed(tmp_path: Path) -> None:
    llm = Llm(TRUTH)
    seen: list[int] = []

    def script(_text: str, _number: int) -> Deed:
        seen.append(llm.running)
        return "answer"

    llm.script = script
    run([llm], tmp_path / "journal", concurrency=4)

    assert seen[0] == 1
    assert llm.most_running <= 4


def test_retry_after_is_respected_in_both_forms(tmp_path: Path) -> None:
    pauses = Pauses()
    run(
        [Llm(FEW, first("429", "429 date", "500"))],
        tmp_path / "j",
        texts=list(FEW)[:1],
        pauses=pauses,
    )

    assert pauses.seconds == [7.0, 9.0, 4.0]


def test_a_server_that_asks_to_wait_for_long_ends_the_run(tmp_path: Path) -> None:
    with pytest.raises(ServiceError, match="asks to wait 60 minutes") as raised:
        run([Llm(FEW, always("429"), retry_after="3600")], tmp_path / "journal")
    assert "again" in str(raised.value.hint)


def test_a_headline_that_is_never_answered_is_a_failure_and_asked_again(tmp_path: Path) -> None:
    bad = list(FEW)[4]
    llm = Llm(FEW, lambda text, _: "500" if text == bad else "answer")
    found = run([llm], tmp_path / "journal", attempts=3)
    again = run([Llm(FEW, port=llm.port)], tmp_path / "journal")

    assert found.totals.failed == {"server error": 1}
    assert llm.counted("500") == 3
    assert [vote.failure for vote in found.votes[bad]] == ["server error"]
    assert (again.totals.requests, again.votes[bad][0].label) == (1, TRUTH[bad])


def test_a_server_that_fails_all_the_time_ends_the_run(tmp_path: Path) -> None:
    llm = Llm(TRUTH, lambda text, _: "answer" if text == "Headline number 0 of Acme" else "500")
    with pytest.raises(ServiceError, match="it answered 500"):
        run([llm], tmp_path / "journal", attempts=2, concurrency=2)
    assert len(llm.done) < 30

    with pytest.raises(ServiceError, match="it answered 500"):
        run([Llm(FEW, always("500"))], tmp_path / "other", attempts=2)


def test_a_request_that_is_not_taken(tmp_path: Path) -> None:
    long = list(FEW)[3]
    llm = Llm(FEW, lambda text, _: "too long" if text == long else "answer")
    assert run([llm], tmp_path / "journal").totals.failed == {"rejected": 1}

    with pytest.raises(RequestRejectedError, match="it answered 400: The prompt is too long"):
        run([Llm(FEW, always("too long"))], tmp_path / "other")


def test_a_wrong_key_ends_the_run_at_once_and_is_not_shown(tmp_path: Path) -> None:
    llm = Llm(FEW, key=KEY)
    with pytest.raises(RequestRejectedError, match="401") as raised:
        run([llm], tmp_path / "journal", key="sk-wrong-9876")
    assert "9876" not in f"{raised.value}{raised.value.hint}"
    assert llm.done == []

    assert run([llm], tmp_path / "journal", key=KEY).totals.failed == {}
    assert KEY not in (tmp_path / "journal").read_text()


@pytest.mark.parametrize("cents", ["0", "0.1", "0.5", "1", "1.5", "2"])
def test_the_limit_on_cost_holds_whatever_happens(tmp_path: Path, cents: str) -> None:
    limit = Decimal(cents) / 100
    faults: dict[Deed, float] = {"cut": 0.05, "502": 0.05, "no usage": 0.05, "outside": 0.1}
    llm = Llm(TRUTH, now_and_then(faults))
    totals = [
        run([llm], tmp_path / "journal", max_cost_usd=limit, concurrency=16, attempts=4).totals
        for _ in range(2)
    ]

    billed = llm.billed_usd(*PRICE) + llm.billed_usd(*PRICE, secretly=True)
    assert billed <= totals[1].spent_usd <= limit
    assert totals[0].cost_usd + totals[1].cost_usd == llm.billed_usd(*PRICE)
    assert totals[0].not_asked > 0
    assert totals[1].requests <= 1  # what did not fit then does not fit now


def test_a_limit_that_is_enough_stops_nothing(tmp_path: Path) -> None:
    llm = Llm(TRUTH)
    free = run([llm], tmp_path / "free").totals
    worst = Decimal("0.003")  # of one request

    found = run([llm], tmp_path / "journal", max_cost_usd=free.cost_usd + worst, concurrency=16)

    assert found.totals.not_asked == 0
    assert found.totals.cost_usd == free.cost_usd


def test_a_server_that_ignores_the_length_of_answers_is_found_out_at_once(tmp_path: Path) -> None:
    llm = Llm(TRUTH, output_tokens=5000)
    with pytest.raises(ServiceError, match="bills more tokens than a request"):
        run([llm], tmp_path / "journal", max_cost_usd=Decimal(1))
    assert len(llm.done) == 1

    without = run([llm], tmp_path / "journal")
    assert without.totals.cached == 1
    assert without.totals.spent_usd == llm.billed_usd(*PRICE)


def test_the_estimate_is_near_what_is_billed(tmp_path: Path) -> None:
    llm = Llm(TRUTH)
    model = OpenAiModel("http://127.0.0.1:9/v1", "m0")
    annotators = [LlmAnnotator(model, price_from(",".join(PRICE)))]
    with Journal(tmp_path / "estimated") as journal:
        before = estimate(TRUTH, annotators, Prompt(), LlmSettings(), journal)
    asyncio.run(model.close())

    after = run([llm], tmp_path / "journal").totals

    assert before.requests == after.requests == len(TRUTH)
    assert abs(before.usd / after.cost_usd - 1) < Decimal("0.15")
    assert before.most_usd > after.cost_usd


def test_progress_counts_to_the_end(tmp_path: Path) -> None:
    seen: list[LlmProgress] = []
    llm = Llm(FEW, now_and_then({"outside": 0.3}))
    found = run([llm], tmp_path / "journal", on_progress=seen.append)

    assert [p.done for p in seen] == list(range(1, 11))
    assert seen[-1].failed == found.totals.failed.get("no label", 0) > 0
    assert seen[-1].spent_usd == found.totals.cost_usd


def test_a_headline_that_occurs_twice_is_asked_for_once(tmp_path: Path) -> None:
    llm = Llm(FEW)
    found = run([llm], tmp_path / "journal", texts=[*FEW, *FEW])

    assert (found.totals.headlines, len(llm.done), len(found.votes)) == (10, 10, 10)


def test_a_full_disk_ends_the_run_and_says_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, written = os.write, 0

    def write(descriptor: int, data: bytes) -> int:
        nonlocal written
        if data.startswith(b'{"kind":'):
            written += 1
        return real(descriptor, data[:40] if written == 20 else data)

    monkeypatch.setattr("newsclf.label.llm.journal.os.write", write)
    llm = Llm(TRUTH)
    with pytest.raises(DataError, match="no space left"):
        run([llm], tmp_path / "journal", concurrency=4, max_cost_usd=Decimal("0.01"))
    monkeypatch.undo()

    found = run([llm], tmp_path / "journal")
    assert len(llm.done) <= len(TRUTH) + 4
    assert found.totals.failed == {}
