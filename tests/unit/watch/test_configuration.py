"""watch.toml: what it may say, and what its errors say."""

from __future__ import annotations

from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError
from newsclf.watch.configuration import (
    WatchSettings,
    key_of,
    load_watch,
    starting_file,
    vendor_of,
)

KEY = "s3cret"
_HEAD = 'schema_version = 1\ncontact = "a@example.com"\n'
_FEED = '[[sources]]\nname = "Wire"\nfeed = "https://news.example.com/rss"\n'
_API = '[[sources]]\nname = "F"\napi = "finnhub"\ntickers = ["ABC"]\n'


def load(folder: Path, text: str) -> WatchSettings:
    path = folder / "watch.toml"
    path.write_text(text)
    return load_watch(path)


def test_the_starting_file_is_usable_and_shows_the_defaults(tmp_path: Path) -> None:
    found = load(tmp_path, starting_file())
    least = load(tmp_path, _HEAD + _FEED)
    assert (found.signals, found.alerts, found.delivery) == (
        least.signals,
        least.alerts,
        least.delivery,
    )
    assert [each.name for each in found.entities] == ["Apple", "Microsoft", "Tesla"]
    assert not any("reuters" in (source.feed or "") for source in found.sources)


def test_what_is_commented_out_in_the_starting_file_is_usable(tmp_path: Path) -> None:
    lines = []
    for line in starting_file().splitlines():
        bare = line.removeprefix("#").removeprefix(" ").removeprefix("# ")
        lines.append(bare if line.startswith("#") and (" = " in bare or bare[:1] == "[") else line)
    found = load(tmp_path, "\n".join(lines))
    assert found.delivery.webhook is not None
    assert found.sources[-1].path == "headlines.jsonl"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (_FEED, "schema_version: missing"),
        (_HEAD, "sources: missing"),
        (_HEAD + _FEED + "colour = 1\n", "sources.0.colour: no such setting"),
        (_HEAD + _FEED + 'path = "x"\n', "give one of feed, api and path"),
        (_HEAD + '[[sources]]\nname = "Wire"\n', "give one of feed, api and path"),
        (_HEAD + _FEED + 'query = "x"\n', "query is for sources with api"),
        (_HEAD + _API + "ignore_robots = true\n", "ignore_robots is for sources with feed"),
        (_HEAD + _FEED.replace("https:", "file:"), "should be an address"),
        (_HEAD + _FEED + 'time_zone = "Mars/Base"\n', "should be a time zone"),
        (_HEAD + _FEED + 'time_zone = "../etc"\n', "should be a time zone"),
        (_HEAD + _FEED + "every_s = 1\n", "at least 10"),
        (_HEAD + _FEED + _FEED.replace("Wire", "wire"), "the name Wire appears twice"),
        (_HEAD + _FEED.replace("Wire", "W\\u001b[31m"), "should be printable"),
        (_HEAD + _FEED + "[alerts]\nenter = 0.2\n", "must be less than enter"),
        (_HEAD + _FEED + '[delivery.webhook]\nurl = "https://x.example.com"\n', "secret_env"),
        (_HEAD + _API.replace("finnhub", "finhub"), "source F: .*did you mean finnhub"),
        (_HEAD + _API.replace('["ABC"]', "[]"), "source F: Finnhub: it needs tickers"),
        (_HEAD + _API.replace('["ABC"]', '["A", "B"]'), "one ticker at a time"),
        (_HEAD + "[[sources\n", "watch.toml"),
        (_HEAD + _FEED + "weight = true\n", "sources.0.weight: not a number"),
        (_HEAD.replace("1", "true", 1) + _FEED, "schema_version: not a number"),
        (_HEAD + _FEED + "per_day = inf\n", "sources.0.per_day: at most 1e"),
        (_HEAD + _FEED + "per_day = 0.5\n", "sources.0.per_day: at least 1"),
        (_HEAD + _FEED + "[signals]\nbar_s = 7.3\n", "signals.bar_s: not a multiple of 1"),
        (_HEAD + _FEED + "[signals]\nexchange = ''\n", "signals.exchange: .*at least 1 char"),
        (_HEAD + _FEED + "[alerts]\ncool_down_s = inf\n", "alerts.cool_down_s: at most"),
        (_HEAD + _FEED + "[alerts]\nmin_events = true\n", "alerts.min_events: not a number"),
        (_HEAD + _FEED.replace(".com", ".com:99999999"), "sources.0.feed: .*an address"),
        (_HEAD + _FEED.replace(".com", ".com:0"), "sources.0.feed: .*an address"),
        (_HEAD + '[[sources]]\nname = "W"\npath = ""\n', "sources.0.path: .*at least 1 char"),
        (_HEAD + _API + 'key_file = ""\n', "sources.0.key_file: .*at least 1 char"),
        (_HEAD + _API.replace("ABC", ""), "sources.0.tickers.0: .*at least 1 char"),
        (_HEAD + 'entity_list = ""\n' + _FEED, "entity_list: .*at least 1 char"),
        (_HEAD + _FEED + "[[watchlist]]\nname = 'A'\naliases = ['']\n", "watchlist.0.aliases.0"),
        (_HEAD + _FEED + "[delivery]\ncommand = ['']\n", "delivery.command: .*a program"),
    ],
)
def test_errors_say_where_and_what(tmp_path: Path, text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message) as raised:
        load(tmp_path, text)
    assert raised.value.hint


def test_a_missing_file(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such file"):
        load_watch(tmp_path / "watch.toml")


def test_a_key_comes_from_a_variable_or_a_file(tmp_path: Path) -> None:
    (source,) = load(tmp_path, _HEAD + _API).sources
    vendor = vendor_of(source, folder=tmp_path)
    environ = {"FINNHUB_API_KEY": f" {KEY}\n", "OTHER": "other"}
    assert key_of(source, vendor, folder=tmp_path, environ=environ) == KEY
    (named,) = load(tmp_path, _HEAD + _API + 'key_env = "OTHER"\n').sources
    assert key_of(named, vendor, folder=tmp_path, environ=environ) == "other"
    (filed,) = load(tmp_path, _HEAD + _API + 'key_file = "key"\n').sources
    with pytest.raises(ConfigError, match=r"key can't be read \(no such file"):
        key_of(filed, vendor, folder=tmp_path, environ=environ)
    (tmp_path / "key").write_text(f"{KEY}\n")
    assert key_of(filed, vendor, folder=tmp_path, environ={}) == KEY


def test_no_error_shows_a_key(tmp_path: Path) -> None:
    (source,) = load(tmp_path, _HEAD + _API).sources
    vendor = vendor_of(source, folder=tmp_path)
    with pytest.raises(ConfigError, match="FINNHUB_API_KEY has no API key"):
        key_of(source, vendor, folder=tmp_path, environ={})
    with pytest.raises(ConfigError, match="is not an API key") as raised:
        key_of(source, vendor, folder=tmp_path, environ={"FINNHUB_API_KEY": f"{KEY}\n{KEY}"})
    assert KEY not in f"{raised.value.message}{raised.value.hint}"


def test_addresses_are_not_in_the_text_form(tmp_path: Path) -> None:
    found = load(tmp_path, _HEAD + _FEED.replace("/rss", f"/rss?token={KEY}"))
    assert KEY not in repr(found)
