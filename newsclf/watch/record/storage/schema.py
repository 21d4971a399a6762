"""Tables of the record, and the migrations that make them.

    commits         one row for each transaction, in order; when it was known
    fetches         one attempt to read a source
    events          what happened, told by one headline or several
    headlines       one article, from whatever sources
    items           one row each time a source shows a headline first, or shows it changed
    versions        the texts of a headline: its first, and one for each edit
    retractions     withdrawals by the source
    scores          probabilities of a version by a model
    configurations  what signals and alerts were computed with, and lists of companies
    signals, alerts
    deliveries      what became of sending an alert to a channel

Each row belongs to a commit, and commits are in the order of their times, so what was known at a
time is a prefix of the record. Times are microseconds since 1970, UTC. SQLite refuses UPDATE,
DELETE and REPLACE by triggers.
"""

from __future__ import annotations

from collections.abc import Iterator

from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Float,
    LargeBinary,
    MetaData,
    Table,
    Text,
    literal_column,
)

METADATA = MetaData()


def _table(name: str, *columns: Column[object]) -> Table:
    return Table(
        name,
        METADATA,
        Column("id", BigInteger, primary_key=True),
        *([] if name == "commits" else [Column("commit_id", BigInteger)]),
        *columns,
    )


commits = _table("commits", Column("known_at", BigInteger))
fetches = _table(
    "fetches",
    Column("source", Text),
    Column("fetched_at", BigInteger),
    Column("monotonic_s", Float),
    Column("server_at", BigInteger),
    Column("outcome", Text),
    Column("status", BigInteger),
    Column("body_digest", Text),
    Column("body_bytes", BigInteger),
    Column("items", BigInteger),
    Column("headlines", BigInteger),
    Column("detail", Text),
    Column("retry_after_s", Float),
    Column("live_until", BigInteger),
    Column("terms", Text),
)
HOUR = literal_column("fetches.fetched_at / 3600000000", BigInteger)
"""Of the clock, as an index has it; SQLite finds that by the same words only."""
events = _table("events")
headlines = _table("headlines", Column("event_id", BigInteger))
items = _table(
    "items",
    Column("fetch_id", BigInteger),
    Column("headline_id", BigInteger),
    Column("source", Text),
    Column("source_id", Text),
    Column("title", Text),
    Column("url", Text),
    Column("summary", Text),
    Column("published_raw", Text),
    Column("published_at", BigInteger),
    Column("published_date_only", Boolean),
    Column("updated_raw", Text),
    Column("updated_at", BigInteger),
    Column("updated_date_only", Boolean),
    Column("tickers", Text),
    Column("raw", Text),
    Column("listing_key", LargeBinary),
    Column("url_key", LargeBinary),
    Column("text_key", LargeBinary),
    Column("content_key", LargeBinary),
)
versions = _table(
    "versions",
    Column("headline_id", BigInteger),
    Column("item_id", BigInteger),
    Column("number", BigInteger),
    Column("text", Text),
)
retractions = _table(
    "retractions", Column("item_id", BigInteger), Column("headline_id", BigInteger)
)
scores = _table(
    "scores",
    Column("version_id", BigInteger),
    Column("model", Text),
    Column("engine", Text),
    Column("negative", Float),
    Column("neutral", Float),
    Column("positive", Float),
)
configurations = _table("configurations", Column("digest", Text), Column("content", Text))
signals = _table(
    "signals",
    Column("configuration_id", BigInteger),
    Column("basis", BigInteger),
    Column("entity", Text),
    Column("bar_at", BigInteger),
    Column("value", Float),
    Column("detail", Text),
    Column("evidence", Text),
)
alerts = _table(
    "alerts",
    Column("configuration_id", BigInteger),
    Column("alert_id", Text),
    Column("basis", BigInteger),
    Column("rule", Text),
    Column("entity", Text),
    Column("detail", Text),
    Column("evidence", Text),
)
deliveries = _table(
    "deliveries",
    Column("alert_id", Text),
    Column("channel", Text),
    Column("delivered", Boolean),
    Column("attempts", BigInteger),
    Column("problem", Text),
)

APPLICATION_ID = 0x4E434C46
"""Marks a file of SQLite as a record of newsclf; the letters NCLF."""

_FIRST = """
CREATE TABLE commits (
  id INTEGER PRIMARY KEY, known_at INTEGER NOT NULL
) STRICT;
CREATE INDEX commits_by_time ON commits (known_at);

CREATE TABLE fetches (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL UNIQUE REFERENCES commits,
  source TEXT NOT NULL, fetched_at INTEGER NOT NULL, monotonic_s REAL NOT NULL, server_at INTEGER,
  outcome TEXT NOT NULL, status INTEGER, body_digest TEXT, body_bytes INTEGER,
  items INTEGER NOT NULL, headlines INTEGER NOT NULL, detail TEXT, retry_after_s REAL,
  live_until INTEGER
) STRICT;
CREATE INDEX fetches_by_hour ON fetches (
  source, fetched_at / 3600000000, fetched_at, outcome, headlines
);

CREATE TABLE events (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits
) STRICT;
CREATE INDEX events_by_commit ON events (commit_id);

CREATE TABLE headlines (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits,
  event_id INTEGER NOT NULL REFERENCES events
) STRICT;
CREATE INDEX headlines_by_commit ON headlines (commit_id);
CREATE INDEX headlines_by_event ON headlines (event_id);

CREATE TABLE items (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits,
  fetch_id INTEGER NOT NULL REFERENCES fetches, headline_id INTEGER REFERENCES headlines,
  source TEXT NOT NULL, source_id TEXT, title TEXT NOT NULL, url TEXT, summary TEXT,
  published_raw TEXT, published_at INTEGER, published_date_only INTEGER,
  updated_raw TEXT, updated_at INTEGER, updated_date_only INTEGER,
  tickers TEXT NOT NULL, raw TEXT NOT NULL,
  listing_key BLOB NOT NULL, url_key BLOB, text_key BLOB, content_key BLOB NOT NULL
) STRICT;
CREATE INDEX items_by_commit ON items (commit_id);
CREATE INDEX items_by_headline ON items (headline_id);
CREATE INDEX items_by_listing ON items (listing_key);
CREATE INDEX items_by_url ON items (url_key) WHERE url_key IS NOT NULL;
CREATE INDEX items_by_text ON items (text_key) WHERE text_key IS NOT NULL;

CREATE TABLE versions (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits,
  headline_id INTEGER NOT NULL REFERENCES headlines, item_id INTEGER NOT NULL REFERENCES items,
  number INTEGER NOT NULL CHECK (number >= 1), text TEXT NOT NULL,
  UNIQUE (headline_id, number)
) STRICT;
CREATE INDEX versions_by_commit ON versions (commit_id);

CREATE TABLE retractions (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits,
  item_id INTEGER NOT NULL UNIQUE REFERENCES items, headline_id INTEGER REFERENCES headlines
) STRICT;
CREATE INDEX retractions_by_commit ON retractions (commit_id);

CREATE TABLE scores (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits,
  version_id INTEGER NOT NULL REFERENCES versions, model TEXT NOT NULL, engine TEXT NOT NULL,
  negative REAL NOT NULL CHECK (negative BETWEEN 0 AND 1),
  neutral REAL NOT NULL CHECK (neutral BETWEEN 0 AND 1),
  positive REAL NOT NULL CHECK (positive BETWEEN 0 AND 1),
  UNIQUE (version_id, model, engine)
) STRICT;
CREATE INDEX scores_by_commit ON scores (commit_id);

CREATE TABLE configurations (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits,
  digest TEXT NOT NULL UNIQUE, content TEXT NOT NULL
) STRICT;

CREATE TABLE signals (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits,
  configuration_id INTEGER NOT NULL REFERENCES configurations,
  basis INTEGER NOT NULL, entity TEXT NOT NULL, bar_at INTEGER NOT NULL, value REAL,
  detail TEXT NOT NULL,
  evidence TEXT NOT NULL,
  UNIQUE (configuration_id, bar_at, entity), CHECK (basis < commit_id)
) STRICT;
CREATE INDEX signals_by_commit ON signals (commit_id);

CREATE TABLE alerts (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL REFERENCES commits,
  configuration_id INTEGER NOT NULL REFERENCES configurations,
  alert_id TEXT NOT NULL UNIQUE,
  basis INTEGER NOT NULL, rule TEXT NOT NULL, entity TEXT NOT NULL,
  detail TEXT NOT NULL,
  evidence TEXT NOT NULL,
  CHECK (basis < commit_id)
) STRICT;
CREATE INDEX alerts_by_commit ON alerts (commit_id);

CREATE TABLE deliveries (
  id INTEGER PRIMARY KEY, commit_id INTEGER NOT NULL UNIQUE REFERENCES commits,
  alert_id TEXT NOT NULL, channel TEXT NOT NULL, delivered INTEGER NOT NULL,
  attempts INTEGER NOT NULL, problem TEXT
) STRICT;
CREATE INDEX deliveries_by_alert ON deliveries (alert_id, channel);
"""

# What INSERT OR REPLACE would take the place of; it deletes without a DELETE trigger.
_FIRST_UNIQUE = {
    "commits": ("id",),
    "fetches": ("id", "commit_id"),
    "events": ("id",),
    "headlines": ("id",),
    "items": ("id",),
    "versions": ("id", "headline_id number"),
    "retractions": ("id", "item_id"),
    "scores": ("id", "version_id model engine"),
    "configurations": ("id", "digest"),
    "signals": ("id", "configuration_id bar_at entity"),
    "alerts": ("id", "alert_id"),
    "deliveries": ("id", "commit_id"),
}


def _append_only(unique: dict[str, tuple[str, ...]]) -> Iterator[str]:
    refuse = "SELECT RAISE(ABORT, 'the record is append-only')"
    for table, keys in unique.items():
        for what in ("UPDATE", "DELETE"):
            yield (
                f"CREATE TRIGGER {table}_no_{what.lower()} BEFORE {what} ON {table}"
                f" BEGIN {refuse}; END"
            )
        there = " OR ".join(
            "(" + " AND ".join(f"{column} = NEW.{column}" for column in key.split()) + ")"
            for key in keys
        )
        yield (
            f"CREATE TRIGGER {table}_no_replace BEFORE INSERT ON {table}"  # noqa: S608 - our names
            f" WHEN EXISTS (SELECT 1 FROM {table} WHERE {there}) BEGIN {refuse}; END"
        )


MIGRATIONS: tuple[tuple[str, ...], ...] = (
    (
        *(statement for statement in _FIRST.split(";\n") if statement.strip()),
        *_append_only(_FIRST_UNIQUE),
    ),
    ("ALTER TABLE fetches ADD COLUMN terms TEXT",),
)
"""Statements that lead from each schema version to the next, beginning with an empty file. One that
was released is never changed: add another."""
