"""What a model is asked and answers, whoever serves it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Protocol

from newsclf.label.llm.answers import Failure
from newsclf.label.llm.prompt import Message

MOST_ANSWER_BYTES: Final = 1 << 20
MOST_RAW_CHARACTERS: Final = 2000
"""What is kept of an answer; one in the agreed form has twenty characters."""
_MOST_TOKENS = 1_000_000_000
"""More than any model takes or gives; a higher count is a mistake."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sampling:
    """How a model chooses its words."""

    temperature: float
    max_tokens: int
    """Tokens that an answer may have, those of its reasoning included."""


@dataclass(frozen=True, slots=True)
class Usage:
    """Tokens of a request and its answer, as the server counts and bills them."""

    input_tokens: int
    output_tokens: int


def counted(value: object) -> int | None:
    """A count of tokens as a server says it; None if it is none."""
    if isinstance(value, bool) or not isinstance(value, int):
        return None
    return value if 0 <= value <= _MOST_TOKENS else None


@dataclass(frozen=True, slots=True)
class Reply:
    """A model's answer."""

    raw: str
    """Its words; the arguments of the tool as JSON, where it was to call one."""
    usage: Usage | None
    """None if the server does not say."""
    failure: Failure | None = None
    """Why it holds no label, whatever its words are: refused, or too many tokens."""


class UnansweredError(Exception):
    """A request brought no answer, and may bring one if it is repeated.

    The text says what happened, and holds no key.
    """

    def __init__(
        self,
        problem: str,
        failure: Failure,
        *,
        retry_after_s: float | None = None,
        billed: bool = False,
    ) -> None:
        super().__init__(problem)
        self.problem = problem
        self.failure: Failure = failure
        self.retry_after_s = retry_after_s
        """How long the server asks to wait, if it does."""
        self.billed = billed
        """Whether it may be billed: the server had the request and may have answered it."""


class NotTakenError(Exception):
    """A server does not take a request, and would not take it again.

    Before the first answer that is a matter of the model or the key; after it, of the headline.
    """

    def __init__(self, problem: str, *, hint: str, always: bool = False) -> None:
        super().__init__(problem)
        self.problem = problem
        self.hint = hint
        self.always = always
        """Whether it is a matter of the key or the account, so that no request will be taken."""


class Model(Protocol):
    """A model on a server."""

    @property
    def name(self) -> str:
        """Its name with that of the server, as votes record it: `gpt-4.1-mini@api.openai.com`."""

    @property
    def provider(self) -> str:
        """Whose prices hold: the server's host, or `bedrock`."""

    @property
    def model(self) -> str:
        """Its name on the server."""

    async def ask(self, message: Message, sampling: Sampling) -> Reply:
        """Send one request.

        Raises:
            UnansweredError: There is no answer, but may be one later.
            NotTakenError: The server does not take it.
        """

    async def close(self) -> None:
        """Close its connections."""
