"""Limits on requests to the API and to a model server."""

from __future__ import annotations

MAX_HEADLINES = 512
"""Headlines that one request may hold."""
MAX_READ_CHARACTERS = 10_000
"""Number of characters of a text that are read.

A model of 256 tokens reads 254 of the text, so texts whose words have at most 38 characters, one
space between them, give the same tokens as without this limit. It only changes the predictions for
texts with long runs of spaces or of letters, which would otherwise take gigabytes of memory.
"""
MAX_EXPLAINED_CHARACTERS = 1000
"""Length of a headline whose prediction can be explained. Each of its words needs a copy of it, and
512 copies, in which JSON may take six bytes for a character, stay below the 4 MB of serverless
endpoints."""
MAX_BODY_BYTES = 6 * 1024 * 1024
"""Size of a request's body to a model server; the documented limit of InvokeEndpoint."""
MAX_API_BODY_BYTES = 3_000_000
"""Size of a request's body to the API. Lambda accepts events of 6 MiB, in which a body is a string
of JSON, so each byte may take two. It also keeps below the 4 MB of serverless endpoints."""
