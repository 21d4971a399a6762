"""Remove API keys and passwords from URLs and messages."""

from __future__ import annotations

import re
from urllib.parse import quote, quote_plus

_HIDDEN = "***"


class RequestRedaction:
    """Replaces the secrets of a request by asterisks, in each form that a URL gives them."""

    def __init__(self, secrets: tuple[str, ...]) -> None:
        forms = {
            form
            for s in secrets
            if s.strip()
            for form in (s, s.strip(), quote(s, safe=""), quote(s), quote_plus(s))
        }
        longest_first = sorted(forms, key=len, reverse=True)
        self._secrets = re.compile("|".join(map(re.escape, longest_first)), re.IGNORECASE)
        self._any = bool(forms)

    def __call__(self, text: str) -> str:
        """The text without secrets, and without the user and password of URLs in it."""
        text = re.sub(r"(?<=://)[^/?#\s]*@", "", text)
        return self._secrets.sub(_HIDDEN, text) if self._any else text

    def hides(self, text: str) -> bool:
        """Whether anything of the text must not be shown."""
        return self(text) != text
