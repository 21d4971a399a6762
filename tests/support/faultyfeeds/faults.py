"""All faults."""

from __future__ import annotations

from tests.support.faultyfeeds.answers import (
    COMPRESSION,
    REDIRECTS,
    REFUSALS,
    SIZES,
    VALIDATORS,
)
from tests.support.faultyfeeds.documents import DATES, TEXTS
from tests.support.faultyfeeds.fault import Fault
from tests.support.faultyfeeds.hostile import HOSTILE
from tests.support.faultyfeeds.naming import NAMING

FAULTS: tuple[Fault, ...] = (
    *NAMING,
    *TEXTS,
    *DATES,
    *VALIDATORS,
    *REFUSALS,
    *REDIRECTS,
    *COMPRESSION,
    *SIZES,
    *HOSTILE,
)
