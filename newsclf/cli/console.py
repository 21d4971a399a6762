"""Everything that reaches the terminal goes through here.

Data go to stdout, talk goes to stderr. `--json` turns data into one JSON document; `--quiet` leaves
out the talk. Text that comes from outside is shown as it is read, never as markup, and control
characters in it, which could drive the terminal, are made visible.
"""

from __future__ import annotations

import errno
import io
import json
import logging
import os
import re
import select
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any

from newsclf.common.visible import visible, visible_json

if TYPE_CHECKING:
    from collections.abc import Buffer  # type: ignore[attr-defined]

    from rich.console import Console, RenderableType
    from rich.progress import Progress, ProgressColumn

    from newsclf.common.errors import NewsclfError
    from newsclf.reporting.figure import Table

_GAP = 2
"""Blanks between two columns of a table."""
_LEAST_FOLDED = 20
"""Width below which a column of text is not folded."""


_OWN_LINE = re.compile(r"(error|hint|note|warning):")


def json_text(document: Any, encoding: str, *, indent: int | None = 2) -> str:
    """A document as JSON that reads the same everywhere and cannot drive a terminal.

    Args:
        encoding: Of the stream that it is for; what it lacks is written as an escape.
        indent: Blanks of a level; None: all in one line.
    """
    text = json.dumps(document, ensure_ascii=False, indent=indent)
    try:
        text.encode(encoding)
    except UnicodeEncodeError:  # the encoding lacks a character, or it is half of a pair
        text = json.dumps(document, indent=indent)
    return visible_json(text)


def _visible_lines(message: str, *, indented: bool = False) -> str:
    """Escape each line; indent lines that look like ours, or all.

    A name of a file may hold a new line, and must not be able to add a hint.
    """
    first, *rest = (visible(line) for line in message.split("\n"))
    ours = [f"  {line}" if indented or _OWN_LINE.match(line) else line for line in rest]
    return "\n".join((first, *ours))


def make_streams_usable() -> None:
    """Make stdin, stdout and stderr usable even if closed or not Unicode.

    A character that the encoding lacks is written as its escape. A closed stream keeps its number,
    so that no file that is opened later gets it: reading stdin and writing stdout then fail, and
    what goes to stderr is lost.
    """
    for name, flags in (
        ("stdin", os.O_WRONLY),
        ("stdout", os.O_RDONLY),
        ("stderr", os.O_WRONLY),
    ):  # in the order of their numbers
        stream = getattr(sys, name)
        if stream is None:
            # The numbers below are in use by now, so what is opened gets this one.
            opened = os.open(os.devnull, flags)
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, os.fdopen(opened, mode, encoding="utf-8", closefd=False))
        elif name != "stdin" and isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def drop_stdout() -> None:
    """Discard the rest of the output: the reader of stdout has closed it."""
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, sys.stdout.fileno())
    os.close(null)


@contextmanager
def _blaming_stdout() -> Iterator[None]:
    """Attribute write failures to stdout; a broken pipe stays one."""
    try:
        yield
    except BrokenPipeError:
        raise
    except OSError as error:
        why = "closed" if error.errno == errno.EBADF else error.strerror
        raise OSError(error.errno, why, "standard output") from error


@contextmanager
def _to_stdout() -> Iterator[None]:
    """Write to stdout, and flush it when the block ends."""
    with _blaming_stdout():
        yield
        sys.stdout.flush()


class StdoutBytes(io.RawIOBase):
    """Standard output for UTF-8 in whole characters; on a terminal, nothing in it can drive that.

    Args:
        escape: What a text becomes on a terminal; a pipe or a file gets the bytes as they are.
    """

    def __init__(self, escape: Callable[[str], str]) -> None:
        self._escape = escape if sys.stdout.isatty() else None

    def writable(self) -> bool:
        """Return True."""
        return True

    def write(self, data: Buffer) -> int:
        """Write bytes, blaming standard output if that fails."""
        given = bytes(data)
        shown = self._escape(given.decode()).encode() if self._escape else given
        with _blaming_stdout():
            sys.stdout.buffer.write(shown)
        return len(given)

    def flush(self) -> None:
        """Flush what was written so far."""
        with _to_stdout():
            pass


def _fitting(
    columns: Sequence[str], widths: Sequence[int], optional: Sequence[str], width: int
) -> tuple[list[int], int]:
    """The columns that are shown, and by how many characters they are still too wide."""
    kept = list(range(len(columns)))

    def excess() -> int:
        return sum(widths[i] + _GAP for i in kept) - _GAP - width

    for column in optional:
        if excess() > 0:
            kept = [i for i in kept if columns[i] != column]
    return kept, max(0, excess())


def redraws(console: Console) -> bool:
    """Whether a console is a terminal on which what is shown can be drawn again."""
    return console.file.isatty() and console.is_terminal and not console.is_dumb_terminal


class Output:
    """Prints for one command."""

    def __init__(self, *, as_json: bool = False, quiet: bool = False) -> None:
        self.as_json = as_json
        self.quiet = quiet

    def data(self, document: Any, *, indent: int | None = 2) -> None:
        """Print a document as JSON, if JSON was asked for; without `indent` in one line."""
        if self.as_json:
            with _to_stdout():
                sys.stdout.write(json_text(document, sys.stdout.encoding, indent=indent) + "\n")

    def lines(self, text: str) -> None:
        """Print whole lines as they are, and flush them."""
        with _to_stdout():
            sys.stdout.write(text)

    @property
    def console(self) -> Console:
        """The console of stdout, for what `show` can't do."""
        return self._console()

    def show(self, *parts: RenderableType) -> None:
        """Print tables and texts for people on stdout, unless JSON was asked for."""
        if not self.as_json:
            console = self._console()
            with _to_stdout():
                for part in parts:
                    # Text is left to the terminal to wrap, so that it can be copied and searched.
                    wrapped = isinstance(part, str)
                    shown = visible(part, keep="\n\t") if isinstance(part, str) else part
                    console.print(shown, markup=False, highlight=False, soft_wrap=wrapped)

    def table(
        self,
        title: str,
        columns: Sequence[str],
        rows: Sequence[Sequence[object]],
        *,
        optional: Sequence[str] = (),
    ) -> RenderableType:
        """A titled table whose first column is text and whose other columns are figures.

        No word or figure is ever broken. On a terminal that is too narrow, optional columns are
        left out, and only then is the widest column folded.

        Args:
            title: Shown above.
            columns: Their heads.
            rows: As many cells each as there are columns.
            optional: Heads of columns that may be left out, the first one first.
        """
        from rich.console import Group
        from rich.table import Table
        from rich.text import Text

        columns = [visible(each) for each in columns]
        optional = [visible(each) for each in optional]
        cells = [
            [cell if isinstance(cell, Text) else Text(visible(str(cell))) for cell in row]
            for row in rows
        ]
        widths = [
            max(len(column), *(row[i].cell_len for row in cells), 0)
            for i, column in enumerate(columns)
        ]
        kept, excess = _fitting(columns, widths, optional, self._console().width)
        widest = max(kept, key=widths.__getitem__)
        table = Table(header_style="dim", box=None, pad_edge=False, padding=(0, _GAP, 0, 0))
        for i in kept:
            folded = excess > 0 and i == widest
            table.add_column(
                columns[i],
                justify="right" if i else "left",
                overflow="fold",
                no_wrap=not folded,
                max_width=max(_LEAST_FOLDED, widths[i] - excess) if folded else None,
            )
        for row in cells:
            table.add_row(*(row[i] for i in kept))
        # Rich would fold a table's own title to the width of the table.
        parts: list[RenderableType] = [Text(visible(title), style="bold"), table]
        if left_out := [column for i, column in enumerate(columns) if i not in kept]:
            parts.append(Text(f"(a wider terminal or --json shows {', '.join(left_out)})", "dim"))
        return Group(*parts)

    def rendered(self, title: str, found: Table) -> RenderableType:
        """A report's table as a terminal shows it: in its brief form, if it has one."""
        brief = found.brief
        if brief.head:
            return self.table(title, brief.head, brief.rows, optional=brief.optional)
        return self.table(title, found.head, found.rows)

    def show_table(self, title: str, found: Table, *lines: str) -> None:
        """Print a report's table with lines below it, if it has rows."""
        if found.rows:
            self.show(self.rendered(title, found), *lines, "")

    def note(self, message: str, *, always: bool = False) -> None:
        """Print a message on stderr; with `always`, even with --quiet."""
        if always or not self.quiet:
            with suppress(OSError):  # a stderr that takes nothing stops no work
                self._console(stderr=True).print(
                    _visible_lines(message), markup=False, highlight=False, soft_wrap=True
                )

    def wait(self, pause_s: float) -> None:
        """Wait for so long; Ctrl-C ends it.

        Raises:
            BrokenPipeError: Nothing reads stdout any more, which only writing would show otherwise.
        """
        stdout = select.poll()
        stdout.register(sys.stdout, 0)  # errors are told without being asked for
        if stdout.poll(1000 * pause_s):
            raise BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))

    def error(self, message: str, hint: str | None = None) -> None:
        """Say on stderr what failed, and what to type next."""
        from rich.text import Text

        console = self._console(stderr=True)
        told = [Text.assemble(("error: ", "bold red"), _visible_lines(message, indented=True))]
        if hint:
            told.append(Text.assemble(("hint: ", "bold cyan"), visible(hint)))
        with suppress(OSError):
            for line in told:
                console.print(line, soft_wrap=True)

    def raise_all(self, errors: Sequence[NewsclfError]) -> None:
        """Show all errors but the first, and raise that one, if there are any."""
        for other in errors[1:]:
            self.error(other.message, other.hint)
        if errors:
            raise errors[0]

    def confirm(self, question: str) -> bool:
        """Ask on the terminal.

        Raises:
            ConfigError: stdin is not a terminal, or the output is JSON.
        """
        from newsclf.common.errors import ConfigError

        if self.as_json or not sys.stdin.isatty():
            raise ConfigError(
                "cannot prompt: stdin is not a terminal",
                hint="add --yes, or --dry-run to see the plan",
            )
        import typer

        return typer.confirm(question, err=True)

    def approve(self, *, yes: bool) -> None:
        """Ask before something is changed that costs money.

        Args:
            yes: Whether --yes was given.

        Raises:
            StateError: The answer was no.
            ConfigError: There is no terminal to ask on.
        """
        from newsclf.common.errors import StateError

        if not yes and not self.confirm("Do it?"):
            raise StateError("nothing was changed")

    @contextmanager
    def progress(self, *columns: str | ProgressColumn) -> Iterator[Progress]:
        """A progress bar on stderr; it shows nothing when quiet or where nothing can be redrawn."""
        from rich.progress import Progress

        console = self._console(stderr=True)
        hidden = self.quiet or not console.is_interactive
        with Progress(*columns, console=console, transient=True, disable=hidden) as progress:
            yield progress

    @contextmanager
    def live(self, view: Callable[[], RenderableType]) -> Iterator[Callable[[], None]]:
        """Show changing text on stderr; call the yielded function to update it.

        Nothing is shown when quiet or where nothing can be redrawn, such as in a file.
        Notes appear above it.
        """
        from rich.live import Live

        console = self._console(stderr=True)
        if self.quiet or not console.is_interactive:
            yield lambda: None
            return
        with Live(
            get_renderable=view, console=console, transient=True, auto_refresh=False
        ) as shown:
            yield shown.refresh

    @staticmethod
    def _console(*, stderr: bool = False) -> Console:
        from rich.console import Console

        # Wide enough for a table when the output goes to a file, where there is no width.
        console = Console(stderr=stderr)
        return console if console.is_terminal else Console(stderr=stderr, width=110)


class NoteHandler(logging.Handler):
    """Shows log records as notes on stderr, those of `newsclf.*` from INFO on.

    So packages report progress by `logging.getLogger(__name__).info(…)`, without a callback.
    Other libraries' records are shown from ERROR on. With `verbose`, everything from INFO on is
    shown, and newsclf's DEBUG records too. `--quiet` leaves errors only.
    """

    def __init__(self, output: Output, *, verbose: bool = False) -> None:
        super().__init__()
        self._output = output
        self._verbose = verbose

    def install(self) -> None:
        """Take the place of an earlier command's handler, and set the levels of the loggers."""
        root = logging.getLogger()
        root.handlers = [each for each in root.handlers if not isinstance(each, NoteHandler)]
        root.addHandler(self)
        root.setLevel(logging.INFO if self._verbose else logging.ERROR)
        logging.getLogger("newsclf").setLevel(logging.DEBUG if self._verbose else logging.INFO)

    def emit(self, record: logging.LogRecord) -> None:
        """Print one record."""
        self._output.note(self.format(record), always=record.levelno >= logging.ERROR)
