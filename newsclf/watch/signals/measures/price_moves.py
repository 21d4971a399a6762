"""Headlines that report what a price did, such as "Nokia shares fall 5 %".

They follow the price; a signal of them says nothing that the price doesn't. So each signal is given
with and without them. The rules are words: a share or an index beside a word of movement, or a
movement at a time of trading.
"""

from __future__ import annotations

import re


def _any(*words: str) -> str:
    """Alternatives of a pattern, from words with spaces between them."""
    return "|".join(word for line in words for word in line.split())


_MOVE = _any(
    "falls? fell fallen drops? dropped slides? slid slips? slipped sinks? sank tumbles? tumbled",
    "plunges? plunged plummets? plummeted slumps? slumped dives? dived crash(?:es|ed)? craters?",
    "cratered skids? skidded declines? declined retreats? retreated eases? eased loses? lost",
    "sheds? dips? dipped lower down sell-?offs? pares? pared weakens? weakened tanks? tanked",
    "rises? rose risen gains? gained jumps? jumped climbs? climbed soars? soared surges? surged",
    r"rall(?:y|ies|ied) rebounds? rebounded pops? popped spikes? spiked leaps? leapt advances?",
    r"advanced edges? edged adds? added higher up(?!\s+to\b) skyrockets? skyrocketed recovers?",
    "recovered bounces? bounced",
)
_EXTREME = (
    r"(?:hits?|reach(?:es|ed)?|touch(?:es|ed)?|at|near|set|sets|to)\s+(?:an?\s+)?(?:new\s+)?"
    r"(?:record|all-time|multi-year|lifetime|\w+-(?:week|month|year|day))\s+(?:closing\s+)?"
    r"(?:highs?|lows?|peaks?)"
)
_SHARES = (
    r"(?<!market )(?<!per )(?<!per-)(?:shares|share(?!\s+of\b)|stocks?|share price|stock price|"
    r"adrs?|adss?|equit(?:y|ies)|bonds?|futures)"
)
_INDEX = (
    r"(?:wall st(?:reet)?\.?|s&p 500|dow(?: jones)?|nasdaq(?: 100)?|russell 2000|ftse(?: 100)?|"
    r"dax|cac 40|stoxx(?: \d+)?|nikkei|hang seng|kospi|sensex|nifty|tsx|ibex|omxh?\w*)"
)
_WORD = r"[\w&'\u2019.-]+"
_THINGS_OF_BUSINESS = r"(?:buy-?back|repurchase|offering|sale|plan|split|option|issue)s?\b"
_BETWEEN = rf"(?:\W+(?!{_THINGS_OF_BUSINESS}){_WORD}){{0,4}}?\W+"
"""Up to four words, such as the company's name; not those that make shares a thing of business."""
_SESSION = (
    r"(?:pre-?market|after-?hours|after the bell|"
    r"(?:extended|early|late|morning|afternoon) trad(?:e|ing)|on the (?:nyse|nasdaq)|"
    r"in (?:frankfurt|london|tokyo|new york) trading)"
)
_MARKET_VALUE = r"market (?:value|cap(?:itali[sz]ation)?)"
_PATTERNS = (
    rf"\b{_SHARES}{_BETWEEN}(?:{_MOVE})\b",
    rf"\b{_SHARES}\b.{{0,40}}?\b{_EXTREME}\b",
    rf"\b{_INDEX}(?:\W+(?:index|futures|ends?|closes?|opens?))*\W+(?:{_MOVE})\b",
    rf"\b(?:{_MOVE})\b.{{0,40}}?\b{_SESSION}\b",
    rf"\b{_MARKET_VALUE}\b.{{0,40}}?\b(?:{_MOVE}|wiped?|tops?|{_EXTREME})\b",
    rf"\b(?:wip(?:es?|ed|ing)|lost|los(?:es|ing)|adds?|added)\b.{{0,30}}?\b{_MARKET_VALUE}\b",
)
_REPORTS = re.compile("|".join(_PATTERNS), re.IGNORECASE)
_MAY_REPORT = re.compile(
    rf"\b(?:{_MOVE}|highs?|lows?|peaks?|wip(?:es?|ed|ing)|tops?|losing)\b", re.IGNORECASE
)
_PERCENT = r"\d+(?:[.,]\d+)?\s?(?:%|percent\b|per cent\b|pct\b)"
_PLAIN_MOVE = re.compile(
    rf"^[\w&'\u2019. -]{{1,30}}?\s(?:{_MOVE})\s(?:by\s)?{_PERCENT}", re.IGNORECASE
)
"""As in "Tesla falls 5 % after …": what moves is a name."""
_BUSINESS = re.compile(
    r"\b(?:revenues?|sales|profits?|earnings|income|ebitda?|margins?|costs?|orders?|output|"
    r"deliveries|dividends?|guidance|production|exports?|imports?|inflation|prices?|turnover|"
    r"bookings|volumes?)\b",
    re.IGNORECASE,
)


def reports_move(title: str) -> bool:
    """Whether a headline reports that a share, a bond or an index moved."""
    if not _MAY_REPORT.search(title):  # most titles; the rules take longer
        return False
    if _REPORTS.search(title):
        return True
    plain = _PLAIN_MOVE.match(title)
    return plain is not None and not _BUSINESS.search(plain.group())
