"""Headlines without the names of the companies that they are about."""

from __future__ import annotations

from newsclf.watch.entities.matcher import Mentions, Span

THE_COMPANY, ANOTHER_COMPANY = "the company", "another company"


def anonymised(title: str, mentions: Mentions, entity: str) -> str:
    """A headline with other words for the names and symbols of companies.

    Args:
        title: The headline.
        mentions: What it names.
        entity: Becomes "the company"; the others become "another company".
    """
    places = sorted(
        (_with_brackets(title, span), THE_COMPANY if mention.entity == entity else ANOTHER_COMPANY)
        for mention in (*mentions.found, *mentions.others)
        for span in mention.spans
    )
    text, at, last = "", 0, ""
    for (start, end), words in places:
        between = title[at:start]
        if words == last and not between.strip():  # a symbol behind its name
            at = max(at, end)
            continue
        text += between
        text += words if text.strip() else words.capitalize()
        at, last = end, words
    return text + title[at:]


def _with_brackets(title: str, span: Span) -> Span:
    start, end = span
    if start and title[start - 1] == "(" and title[end : end + 1] == ")":
        return Span(start - 1, end + 1)
    return span
