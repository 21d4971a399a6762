"""What a review shows on a terminal: a headline, the rule, the keys, and how far one has come."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from newsclf.cli import colours
from newsclf.cli.cells import ASCII, UNICODE, Signs, fit, safe, text_of
from newsclf.contract.labels import LABELS
from newsclf.label.review.guideline import NOTES, QUESTION, RULES
from newsclf.label.review.queue import Opinion, ReviewItem
from newsclf.label.review.session import Decided, Progress, Session

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.text import Text

_INDENT = "  "
_KEYS = {"negative": "1 n", "neutral": "2 e", "positive": "3 p"}
_ARROWS = {"negative": "←", "neutral": "↓", "positive": "→"}
_ASCII_ARROWS = {"negative": "<-", "neutral": "v", "positive": "->"}
_LABEL_CELLS = max(map(len, LABELS))
_LONG_HEADLINE = 4
"""Lines of a headline that are shown on any terminal that has room for keys."""
_COMMANDS = (("s", "skip"), ("u", "undo"), ("?", "help"), ("q", "quit"))


class Shown(NamedTuple):
    """State of a review as it is shown."""

    annotator: str
    item: ReviewItem | None
    hints: tuple[Opinion, ...]
    last: Decided | None
    progress: Progress

    @classmethod
    def of(cls, session: Session) -> Shown:
        """The state of a session now."""
        return cls(
            session.annotator, session.current, session.hints, session.last, session.progress()
        )


def render(shown: Shown, console: Console, *, is_help: bool = False) -> RenderableType:
    """As many lines as the console has, each as wide as it is."""
    from rich.console import Group

    return Group(*_View(shown, console).lines(is_help=is_help))


def summary(progress: Progress) -> str:
    """How a review went, as lines to print when it ends."""
    labels = ", ".join(f"{count} {label}" for label, count in progress.labels.items())
    lines = [
        f"{progress.labelled} labelled ({labels}), {progress.skipped} skipped, {progress.left} left"
    ]
    lines += [
        f"agrees with {each.by} on {each.agreed} of {each.both} ({each.agreed / each.both:.0%})"
        for each in progress.agreements
    ]
    return "\n".join(lines)


class _View:
    def __init__(self, shown: Shown, console: Console) -> None:
        self._shown = shown
        self._console = console
        self._width, self._height = console.size
        self._signs: Signs = ASCII if console.options.ascii_only else UNICODE

    def lines(self, *, is_help: bool) -> list[Text]:
        """The whole screen; where it is small, the rule goes first, and the keys stay."""
        top = [self._header(), self._bar()]
        if is_help:
            middle, bottom = self._help(), [self._line(("any key: back", "dim"))]
        elif self._shown.item is None:
            middle, bottom = self._done(), [self._commands()]
        else:
            middle, bottom = self._keys(), [*self._last(), self._commands()]
        room = self._height - len(top) - len(bottom)
        if not is_help and self._shown.item is not None:
            free = room - len(middle) - len(self._hints())
            heads = self._headline(self._shown.item, max(1, free))
            middle = [*heads, *self._hints(), *self._spaced(middle, room - len(heads))]
        body = [self._line() for _ in range(max(0, room - len(middle)))]
        return [*top, *middle[:room], *body, *bottom][: self._height]

    def _spaced(self, keys: list[Text], room: int) -> list[Text]:
        """The keys, below the rule where there is room for it."""
        rule = [self._line(), *self._wrapped(QUESTION, "bold", 3)]
        more = len(rule) + 1 + len(self._hints())
        return [*rule, self._line(), *keys] if len(keys) + more <= room else keys

    def _line(self, *parts: str | tuple[str, str]) -> Text:
        return fit(text_of(*parts), self._width, self._signs)

    def _header(self) -> Text:
        shown, dot = self._shown, self._signs.dot
        progress = shown.progress
        decided = progress.total - progress.left
        figures = f"{decided} of {progress.total}"
        if progress.seconds_per_decision is not None and self._width >= 50:  # noqa: PLR2004
            figures += f" {dot} {progress.seconds_per_decision:.1f} s each"
        name = text_of(
            ("newsclf label", "bold"), (f" {dot} ", "dim"), safe(shown.annotator, self._signs)
        )
        left = max(0, self._width - len(figures) - 1)
        return fit(name, left, self._signs).append(f" {figures}"[-self._width :], "bold")

    def _bar(self) -> Text:
        progress = self._shown.progress
        done = self._width * (progress.total - progress.left) // max(1, progress.total)
        rest = self._signs.dash if self._signs is ASCII else "─"
        return self._line((self._signs.bar * done, "cyan"), (rest * (self._width - done), "dim"))

    def _headline(self, item: ReviewItem, room: int) -> list[Text]:
        source = safe(item.source or "", self._signs)
        is_roomy = room > _LONG_HEADLINE
        above = [self._line()] if is_roomy else []
        if source and room > 1:
            above.append(self._line(_INDENT, (source, "dim")))
        most = max(1, room - len(above) - (5 if is_roomy and room > 10 else 0))  # noqa: PLR2004
        return [*above, *self._wrapped(safe(item.text, self._signs), "bold", most)]

    def _wrapped(self, words: str, style: str, most: int) -> list[Text]:
        """A text on at most so many lines; what is cut ends with an ellipsis."""
        from rich.text import Text

        width = max(1, self._width - 2 * len(_INDENT))
        lines = list(Text(words, style).wrap(self._console, width, overflow="fold"))
        if len(lines) > most:
            lines = lines[:most]
            room = max(0, width - len(self._signs.ellipsis))
            lines[-1].truncate(room, overflow="crop")
            lines[-1].append(self._signs.ellipsis)
        return [fit(text_of(_INDENT).append_text(line), self._width, self._signs) for line in lines]

    def _hints(self) -> list[Text]:
        return [self._line(_INDENT, *self._opinion(each)) for each in self._shown.hints]

    def _opinion(self, opinion: Opinion) -> list[str | tuple[str, str]]:
        label = f"{self._signs.labels[opinion.label]} {opinion.label}"
        share = "" if opinion.kind == "human" else f" {opinion.share:.0%}"
        by = safe(opinion.by, self._signs)
        return [f"{by} ", (label + share, colours.LABELS[opinion.label])]

    def _keys(self) -> list[Text]:
        arrows = _ASCII_ARROWS if self._signs is ASCII else _ARROWS
        return [
            self._line(
                _INDENT,
                (_KEYS[label], "bold"),
                f" {arrows[label]:<2}  ",
                (f"{self._signs.labels[label]} {label:<{_LABEL_CELLS}}", colours.LABELS[label]),
                (f"  {self._fitting(rule)}", "dim"),
            )
            for label, rule in RULES.items()
        ]

    def _fitting(self, rule: str) -> str:
        """A rule with its examples where they fit."""
        used = len(_INDENT) + len("1 n <-  ") + 2 + _LABEL_CELLS + 4
        return rule if used + len(rule) <= self._width else rule.partition(":")[0]

    def _last(self) -> list[Text]:
        """What was decided last, and what the others had said."""
        last = self._shown.last
        if last is None:
            return [self._line()]
        if last.label is None:
            return [self._line(("skipped", "dim"))]
        parts: list[str | tuple[str, str]] = [("last: ", "dim"), "you "]
        parts.append((f"{self._signs.labels[last.label]} {last.label}", colours.LABELS[last.label]))
        for opinion in last.others:
            parts += [(f" {self._signs.dot} ", "dim"), *self._opinion(opinion)]
        return [self._line(*parts)]

    def _commands(self) -> Text:
        parts: list[str | tuple[str, str]] = []
        for key, name in _COMMANDS:
            parts += [(key, "bold"), (f" {name}   ", "dim")]
        return self._line(*parts)

    def _help(self) -> list[Text]:
        lines = [self._line(), *self._wrapped(QUESTION, "bold", 3), self._line()]
        for label, rule in RULES.items():
            words = f"{self._signs.labels[label]} {label}: {rule}"
            lines += self._wrapped(words, colours.LABELS[label], 3)
        for note in NOTES:
            lines += self._wrapped(f"{self._signs.dash} {note}", "", 3)
        keys = "1 2 3, n e p or the arrows: label   s: skip   u: undo   q: quit"
        saved = "Each decision is saved at once; a later review goes on from there."
        return [*lines, self._line(), *self._wrapped(keys, "", 2), *self._wrapped(saved, "dim", 2)]

    def _done(self) -> list[Text]:
        lines = [self._line(), self._line(_INDENT, ("All headlines are decided.", "bold"))]
        for words in summary(self._shown.progress).split("\n"):
            lines += self._wrapped(safe(words, self._signs), "", 3)
        return lines
