"""Outcome of one attempt to read a source: success, or the class of its error."""

from __future__ import annotations

from enum import StrEnum


class Outcome(StrEnum):
    """What became of one attempt to read a source, or of the source as a whole.

    What is understood from the document itself, from the response around it, and from the history
    of a source share these words, so that a table of sources has one column for them.
    """

    OK = "ok"
    """A document with its items, or the answer that nothing changed."""
    EMPTY = "empty"
    """A document in good order, without items."""
    REPAIRED = "repaired"
    """Items were read from a document that breaks the rules of its format."""
    MALFORMED = "malformed"
    """What came is not a document of this kind, or nothing could be saved from it."""
    HOSTILE = "hostile"
    """The document declares entities of its own (XML bomb, external entity); it was not read."""
    TOO_LARGE = "too_large"
    """More bytes than are allowed, on the wire or decoded."""
    BLOCKED = "blocked"
    """A page for browsers (challenge, consent, sign-in) came instead, or access was refused."""
    CREDENTIALS = "credentials"
    """The API key is missing, wrong, or not entitled to this request."""
    QUOTA = "quota"
    """Too many requests, or the plan's allowance is used up."""
    DISALLOWED = "disallowed"
    """The host's robots.txt forbids the address, so it was not asked for."""
    GONE = "gone"
    """The source says that it has ended (404 or 410)."""
    MOVED = "moved"
    """Redirected too often, in a circle, without an address, or where it may not go."""
    FAILED = "failed"
    """The server reports an error of its own (5xx, or a vendor's error message)."""
    UNREACHABLE = "unreachable"
    """No answer: name resolution, connection, TLS, time-out, or an answer cut short."""
    STALE = "stale"
    """Answers arrive in good order but nothing new does, against the source's own rhythm."""

    @property
    def delivers(self) -> bool:
        """Whether the document could be read."""
        return self in (Outcome.OK, Outcome.EMPTY, Outcome.REPAIRED)
