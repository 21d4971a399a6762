"""The sources and channels of a watch.toml: keys, quotas, paths, and what must stay secret."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError
from newsclf.watch.channels import make_channels
from newsclf.watch.configuration import WatchSettings, load_watch
from newsclf.watch.feeds.documents.vendors import load_vendor
from newsclf.watch.feeds.fetching.answer import Failure, Fetched, Request
from newsclf.watch.feeds.fetching.connections import SystemResolver
from newsclf.watch.feeds.outcome import Outcome
from newsclf.watch.signals.delivery import Channel
from newsclf.watch.sources import Sources, keys_in, make_sources, sharing, units_of
from tests.support.newsrecord import START, Clock

KEY = "s3cret-key-of-a-plan"
_HEAD = 'schema_version = 1\ncontact = "a@example.com"\n'
_FEED = _HEAD + '[[sources]]\nname = "Wire"\nfeed = "https://news.example.com/rss"\n'


class Noted:
    """A fetcher that notes who asks as a robot, and fails."""

    def __init__(self) -> None:
        self.as_robot: list[bool] = []

    async def fetch(self, request: Request) -> Fetched | Failure:
        """Fail."""
        self.as_robot.append(request.as_robot)
        return Failure(url="", ended_at=START, outcome=Outcome.UNREACHABLE, reason="down")


class Answering:
    """A fetcher with the same answer to all."""

    def __init__(self, answer: Fetched) -> None:
        self._answer = answer

    async def fetch(self, _: Request) -> Fetched | Failure:
        """Answer."""
        return self._answer


class Unasked:
    """A fetcher that must not be used: making sources asks nothing."""

    async def fetch(self, request: Request) -> Fetched | Failure:
        """Fail the test."""
        raise AssertionError(request)


def settings_of(folder: Path, text: str) -> WatchSettings:
    path = folder / "watch.toml"
    path.write_text(text)
    return load_watch(path)


def sources_of(folder: Path, text: str, environ: Mapping[str, str] | None = None) -> Sources:
    return make_sources(
        settings_of(folder, text),
        Unasked(),
        folder=folder,
        environ=environ or {},
        stdin=io.BytesIO(),
        now=Clock(),
    )


def api(name: str, *more: str) -> str:
    lines = ["[[sources]]", f'name = "{name}"', 'api = "finnhub"', 'tickers = ["ABC"]', *more, ""]
    return "\n".join(lines)


def channels_of(
    folder: Path, delivery: str, environ: Mapping[str, str] | None = None
) -> list[Channel]:
    resolver = SystemResolver()
    try:
        return make_channels(
            settings_of(folder, _FEED + delivery).delivery,
            folder=folder,
            environ=environ or {},
            resolver=resolver,
            allow_private=False,
        )
    finally:
        resolver.close()


@pytest.mark.parametrize(
    ("line", "missing"),
    [
        ("", "the environment variable FINNHUB_API_KEY has no API key"),
        ('key_env = "OTHER"', "the environment variable OTHER has no API key"),
        ('key_file = "key"', "key can't be read"),
    ],
)
def test_a_missing_key_is_named_with_its_source(tmp_path: Path, line: str, missing: str) -> None:
    with pytest.raises(ConfigError, match=f"source Chips: .*{missing}") as raised:
        sources_of(tmp_path, _HEAD + api("Chips", line))
    assert raised.value.hint


def test_an_empty_key_file_has_no_key(tmp_path: Path) -> None:
    (tmp_path / "key").write_text("\n")
    with pytest.raises(ConfigError, match=r"source Chips: the key file .*key has no API key"):
        sources_of(tmp_path, _HEAD + api("Chips", 'key_file = "key"'))


@pytest.mark.parametrize("named", ["", 'key_env = "FINNHUB_API_KEY"', 'key_file = "key"'])
def test_sources_of_one_key_share_the_smallest_quota_that_one_of_them_names(
    tmp_path: Path, named: str
) -> None:
    (tmp_path / "key").write_text(KEY)
    found = sources_of(
        tmp_path,
        _HEAD + api("A", "per_day = 100") + api("B", "per_day = 40", named) + api("C"),
        {"FINNHUB_API_KEY": KEY},
    )
    [(quota, per_day)] = found.per_day.items()
    assert per_day == 40
    assert sharing(found, quota) == ["A", "B", "C"]
    assert KEY not in quota


def test_sources_of_different_keys_have_quotas_of_their_own(tmp_path: Path) -> None:
    found = sources_of(
        tmp_path,
        _HEAD + api("A", "per_day = 100") + api("B", "per_day = 40", 'key_env = "OTHER"'),
        {"FINNHUB_API_KEY": KEY, "OTHER": f"{KEY}-2"},
    )
    assert sorted(found.per_day.values()) == [40, 100]
    assert [sharing(found, quota) for quota in found.per_day] == [["A"], ["B"]]


def test_keys_and_what_may_be_one_in_the_address_of_a_feed_are_secrets(tmp_path: Path) -> None:
    feed = (
        f"https://user:pass-of-a-user@news.example.com/rss?lang=en-GB&token={KEY}&format=json2024"
    )
    text = f'{_HEAD}[[sources]]\nname = "Wire"\nfeed = "{feed}"\n' + api("Chips")
    found = sources_of(tmp_path, text, {"FINNHUB_API_KEY": "another-key"})
    assert set(found.secrets) == {"pass-of-a-user", KEY, "another-key"}
    assert not any(secret in repr(found) for secret in found.secrets)


def test_terms_are_those_of_watch_toml_else_those_of_the_news_api(tmp_path: Path) -> None:
    own = '[[sources]]\nname = "Own"\npath = "news"\nterms = "internal use"\n'
    text = _FEED + own + api("Chips") + api("Bonds", 'terms = "our contract of 2026"')
    found = sources_of(tmp_path, text, {"FINNHUB_API_KEY": KEY})

    assert found.terms == {
        "Own": "internal use",
        "Chips": f"Finnhub: {load_vendor('finnhub').terms}",
        "Bonds": "our contract of 2026",
    }


def test_robots_txt_counts_for_feeds_unless_they_say_otherwise_and_not_for_news_apis(
    tmp_path: Path,
) -> None:
    fetcher = Noted()
    found = make_sources(
        settings_of(
            tmp_path,
            f"{_FEED}{_FEED.replace(_HEAD, '').replace('Wire', 'Own')}ignore_robots = true\n"
            + api("Chips"),
        ),
        fetcher,
        folder=tmp_path,
        environ={"FINNHUB_API_KEY": KEY},
        stdin=io.BytesIO(),
        now=Clock(),
    )
    for source in found.asked.values():
        asyncio.run(source.asked.ask())

    assert [*found.asked] == ["Wire", "Own", "Chips"]
    assert fetcher.as_robot == [True, False, False]


@pytest.mark.parametrize(
    ("query", "keys"),
    [
        ("apikey=0123456789", ("0123456789",)),
        ("access_token=0123456789&q=markets-today", ("0123456789",)),
        ("id=0123456789", ("0123456789",)),
        ("video=0123456789", ()),
        ("key=short", ()),
    ],
)
def test_which_parameters_may_be_keys(query: str, keys: tuple[str, ...]) -> None:
    assert keys_in(f"https://news.example.com/rss?{query}") == keys


@pytest.mark.parametrize(
    ("login", "keys"),
    [
        ("ada:s3cret-pass@", ("s3cret-pass",)),
        ("s3cret-token@", ("s3cret-token",)),
        ("s3cret-token:x@", ("s3cret-token",)),
        ("ada:s3cret%2Fpass@", ("s3cret/pass",)),
    ],
)
def test_a_login_may_be_a_key(login: str, keys: tuple[str, ...]) -> None:
    assert keys_in(f"https://{login}news.example.com/rss") == keys


def test_paths_are_relative_to_the_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("settings", "elsewhere"):
        (tmp_path / place).mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")
    folder = Path("../settings")
    (folder / "news.jsonl").write_text(json.dumps({"title": "Profit rose"}) + "\n")
    (folder / "key").write_text(KEY)
    text = '[[sources]]\nname = "Own"\npath = "news.jsonl"\n'

    found = sources_of(folder, _HEAD + text + api("Chips", 'key_file = "key"'))

    async def first() -> tuple[Outcome, list[str]]:
        answers = found.followed["Own"].answers()
        answered = await anext(answers)
        return answered.outcome, [item.title for item in answered.items]

    assert asyncio.run(first()) == (Outcome.OK, ["Profit rose"])
    assert found.secrets == (KEY,)


# --- channels

_WEBHOOK = '[delivery.webhook]\nurl_env = "HOOK"\nsecret_env = "SIGNS"\n'


def test_no_delivery_is_no_channel(tmp_path: Path) -> None:
    assert channels_of(tmp_path, "") == []


def test_a_command_and_a_webhook_are_channels(tmp_path: Path) -> None:
    found = channels_of(
        tmp_path,
        '[delivery]\ncommand = ["notify"]\n' + _WEBHOOK,
        {"HOOK": " https://hooks.example.com/T0 \n", "SIGNS": KEY},
    )
    assert [channel.name for channel in found] == ["command", "webhook"]


@pytest.mark.parametrize(
    ("environ", "missing"),
    [
        ({"SIGNS": KEY}, "the webhook's address is missing: the environment variable HOOK"),
        ({"SIGNS": KEY, "HOOK": " "}, "the webhook's address is missing"),
        ({"HOOK": "https://hooks.example.com/T0"}, "the webhook's secret is missing: .* SIGNS"),
    ],
)
def test_what_a_webhook_lacks_is_named(
    tmp_path: Path, environ: dict[str, str], missing: str
) -> None:
    with pytest.raises(ConfigError, match=missing) as raised:
        channels_of(tmp_path, _WEBHOOK, environ)
    assert raised.value.hint


@pytest.mark.parametrize(
    "address",
    [f"http://hooks.example.com/{KEY}", f"ftp://hooks.example.com/{KEY}", f"hooks/{KEY}", "https:"],
)
def test_an_address_that_cannot_be_used_is_not_repeated(tmp_path: Path, address: str) -> None:
    with pytest.raises(ConfigError, match="webhook") as raised:
        channels_of(tmp_path, _WEBHOOK, {"HOOK": address, "SIGNS": KEY})
    assert KEY not in f"{raised.value.message}{raised.value.hint}"


def test_a_secret_file_is_relative_to_the_file(tmp_path: Path) -> None:
    delivery = '[delivery.webhook]\nurl = "https://hooks.example.com/T0"\nsecret_file = "signs"\n'
    folder = tmp_path / "settings"
    folder.mkdir()
    with pytest.raises(ConfigError, match=r"settings/signs: cannot be read \(no such file"):
        channels_of(folder, delivery)
    (folder / "signs").write_text(KEY)
    assert [channel.name for channel in channels_of(folder, delivery)] == ["webhook"]


def test_sources_of_one_host_or_key_are_one_unit(tmp_path: Path) -> None:
    def feed(name: str, host: str) -> str:
        return f'[[sources]]\nname = "{name}"\nfeed = "https://{host}/{name}.xml"\n'

    text = "".join(
        [
            'schema_version = 1\ncontact = "ops@example.com"\n',
            feed("a", "one.example"),
            feed("b", "two.example"),
            feed("c", "one.example"),
            api("key 1", 'key_env = "ONE"'),
            api("key 1 again", 'key_env = "ONE"'),
            '[[sources]]\nname = "own"\npath = "news"\n',
            '[[sources]]\nname = "pipe"\npath = "-"\n',
        ]
    )
    found = units_of(sources_of(tmp_path, text, {"ONE": "0123456789abcdef"}))
    assert set(found) == {
        frozenset({"a", "c"}),
        frozenset({"b"}),
        frozenset({"key 1", "key 1 again"}),
        frozenset({"own"}),
    }
    assert len(found) == 4


def test_what_benzinga_withdraws_is_told_of_each_source_of_benzinga(tmp_path: Path) -> None:
    answer = Fetched(
        url="https://api.benzinga.com/api/v2/news-removed",
        status=200,
        body=json.dumps({"removed": [{"id": 7, "updated": "x"}]}).encode(),
        headers={"content-type": "application/json"},
        ended_at=START,
    )
    named = {"Bz": "benzinga", "Chips": "finnhub", "Bz too": "benzinga", "Gone": "benzinga_removed"}
    text = "".join(f'[[sources]]\nname = "{name}"\napi = "{of}"\n' for name, of in named.items())
    found = make_sources(
        settings_of(tmp_path, _HEAD + text.replace('"finnhub"', '"finnhub"\ntickers = ["A"]')),
        Answering(answer),
        folder=tmp_path,
        environ={"BENZINGA_TOKEN": KEY, "FINNHUB_API_KEY": KEY},
        stdin=io.BytesIO(),
        now=Clock(),
    )

    told = asyncio.run(found.asked["Gone"].asked.ask())

    assert [(each.id, each.shown_by) for each in told.items] == [("7", "Bz"), ("7", "Bz too")]


def test_a_list_of_withdrawals_without_the_source_that_it_is_about_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    text = _HEAD + '[[sources]]\nname = "Gone"\napi = "benzinga_removed"\n'

    sources_of(tmp_path, text, {"BENZINGA_TOKEN": KEY})

    assert "Gone withdraws items of the api benzinga, which no source has" in caplog.text
