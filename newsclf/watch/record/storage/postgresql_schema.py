"""Tables of the record in PostgreSQL, and the migrations that make them.

They are those of `schema`, in a schema of their own, and beside them

    schema_version  one row for each migration that was run
    watches         those that are at work, until when they are believed to be
    leases          which watch reads a source, or sends alerts to a channel, and until when

Rows of the record are only added, which triggers see to; leases are changed as they are renewed.
"""

from __future__ import annotations

SCHEMA = "newsclf"

_FIRST = """
CREATE TABLE schema_version (
  version integer PRIMARY KEY, since timestamptz NOT NULL DEFAULT clock_timestamp()
);

CREATE TABLE commits (
  id bigint PRIMARY KEY, known_at bigint NOT NULL
);
CREATE INDEX commits_by_time ON commits (known_at, id);

CREATE TABLE fetches (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL UNIQUE REFERENCES commits,
  source text NOT NULL, fetched_at bigint NOT NULL, monotonic_s double precision NOT NULL,
  server_at bigint, outcome text NOT NULL, status integer, body_digest text, body_bytes integer,
  items integer NOT NULL, headlines integer NOT NULL, detail text, retry_after_s double precision,
  live_until bigint
);
CREATE INDEX fetches_by_hour ON fetches (
  source, (fetched_at / 3600000000), fetched_at, outcome, headlines
);

CREATE TABLE events (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits
);
CREATE INDEX events_by_commit ON events (commit_id);

CREATE TABLE headlines (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits,
  event_id bigint NOT NULL REFERENCES events
);
CREATE INDEX headlines_by_commit ON headlines (commit_id);
CREATE INDEX headlines_by_event ON headlines (event_id);

CREATE TABLE items (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits,
  fetch_id bigint NOT NULL REFERENCES fetches, headline_id bigint REFERENCES headlines,
  source text NOT NULL, source_id text, title text NOT NULL, url text, summary text,
  published_raw text, published_at bigint, published_date_only boolean,
  updated_raw text, updated_at bigint, updated_date_only boolean,
  tickers text NOT NULL, raw text NOT NULL,
  listing_key bytea NOT NULL, url_key bytea, text_key bytea, content_key bytea NOT NULL
);
CREATE INDEX items_by_commit ON items (commit_id);
CREATE INDEX items_by_headline ON items (headline_id);
CREATE INDEX items_by_listing ON items (listing_key);
CREATE INDEX items_by_url ON items (url_key) WHERE url_key IS NOT NULL;
CREATE INDEX items_by_text ON items (text_key) WHERE text_key IS NOT NULL;

CREATE TABLE versions (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits,
  headline_id bigint NOT NULL REFERENCES headlines, item_id bigint NOT NULL REFERENCES items,
  number integer NOT NULL CHECK (number >= 1), text text NOT NULL,
  UNIQUE (headline_id, number)
);
CREATE INDEX versions_by_commit ON versions (commit_id);

CREATE TABLE retractions (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits,
  item_id bigint NOT NULL UNIQUE REFERENCES items, headline_id bigint REFERENCES headlines
);
CREATE INDEX retractions_by_commit ON retractions (commit_id);

CREATE TABLE scores (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits,
  version_id bigint NOT NULL REFERENCES versions, model text NOT NULL, engine text NOT NULL,
  negative double precision NOT NULL CHECK (negative BETWEEN 0 AND 1),
  neutral double precision NOT NULL CHECK (neutral BETWEEN 0 AND 1),
  positive double precision NOT NULL CHECK (positive BETWEEN 0 AND 1),
  UNIQUE (version_id, model, engine)
);
CREATE INDEX scores_by_commit ON scores (commit_id);

CREATE TABLE configurations (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits,
  digest text NOT NULL UNIQUE, content text NOT NULL
);

CREATE TABLE signals (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits,
  configuration_id bigint NOT NULL REFERENCES configurations,
  basis bigint NOT NULL, entity text NOT NULL, bar_at bigint NOT NULL, value double precision,
  detail text NOT NULL,
  evidence text NOT NULL,
  UNIQUE (configuration_id, bar_at, entity), CHECK (basis < commit_id)
);
CREATE INDEX signals_by_commit ON signals (commit_id);

CREATE TABLE alerts (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL REFERENCES commits,
  configuration_id bigint NOT NULL REFERENCES configurations,
  alert_id text NOT NULL UNIQUE,
  basis bigint NOT NULL, rule text NOT NULL, entity text NOT NULL,
  detail text NOT NULL,
  evidence text NOT NULL,
  CHECK (basis < commit_id)
);
CREATE INDEX alerts_by_commit ON alerts (commit_id);

CREATE TABLE deliveries (
  id bigint PRIMARY KEY, commit_id bigint NOT NULL UNIQUE REFERENCES commits,
  alert_id text NOT NULL, channel text NOT NULL, delivered boolean NOT NULL,
  attempts integer NOT NULL, problem text
);
CREATE INDEX deliveries_by_alert ON deliveries (alert_id, channel);

CREATE TABLE watches (
  id text PRIMARY KEY, name text NOT NULL, configuration text NOT NULL, until timestamptz NOT NULL
);

CREATE TABLE leases (
  resource text PRIMARY KEY, watch text, until timestamptz
);

CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
  $$ BEGIN RAISE EXCEPTION 'the record is append-only'; END $$;
"""

_FIRST_TABLES = (
    "commits",
    "fetches",
    "events",
    "headlines",
    "items",
    "versions",
    "retractions",
    "scores",
    "configurations",
    "signals",
    "alerts",
    "deliveries",
)

MIGRATIONS: tuple[str, ...] = (
    _FIRST
    + "".join(
        f"CREATE TRIGGER append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table}"
        " FOR EACH STATEMENT EXECUTE FUNCTION refuse();\n"
        for table in _FIRST_TABLES
    ),
    "ALTER TABLE fetches ADD COLUMN terms text;",
)
"""Statements that lead from each schema version to the next, beginning with an empty schema. What
was released is never changed: add another."""
