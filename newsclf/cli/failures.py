"""Convert exceptions to user-facing messages, hints and exit codes."""

from __future__ import annotations

import errno
import inspect
import os
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperCommand, TyperGroup

from newsclf.cli.next_commands import with_state_dir
from newsclf.common.errors import InterruptedRunError, NewsclfError, reason_of
from newsclf.common.files import FULL_DISK
from newsclf.common.validation import describe_problem, short

if TYPE_CHECKING:
    from collections.abc import Sequence

_USAGE = 2


@dataclass(frozen=True, slots=True)
class Failure:
    """Message, hint and exit code of a failed command."""

    message: str
    hint: str | None = None
    exit_code: int = 1


class _Common:
    """What a command and a group of commands have in common."""

    help: str | None
    epilog: str | None

    def __init__(self, *args: Any, **options: Any) -> None:
        """Take the arguments of Typer's class."""
        super().__init__(*args, **options)
        if self.help:
            self.help = _unwrapped(self.help)

    def format_help(self, ctx: Any, formatter: Any) -> None:
        """Print its help, and the epilog with its line breaks: examples are there to be copied."""
        epilog, self.epilog = self.epilog, None
        super().format_help(ctx, formatter)  # type: ignore[misc]
        self.epilog = epilog
        if epilog:
            typer.echo(f" {epilog.replace(chr(10), chr(10) + ' ')}\n")

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Parse a command line; an error has the command that it is of, whose help is the hint."""
        try:
            return list(super().parse_args(ctx, args))  # type: ignore[misc]
        except typer.TyperException as error:
            error.ctx = getattr(error, "ctx", None) or ctx  # type: ignore[attr-defined]
            raise

    def invoke(self, ctx: Any) -> Any:
        """Run the command."""
        try:
            return super().invoke(ctx)  # type: ignore[misc]
        except NewsclfError as error:
            if error.hint:
                error.hint = with_state_dir(error.hint, ctx.params.get("state_dir"))
            raise
        except OSError as error:
            if not hasattr(error, "option"):  # a subcommand knows better than its group
                error.option = _option_of(error, ctx)  # type: ignore[attr-defined]
            raise
        except KeyboardInterrupt:
            raise InterruptedRunError("interrupted") from None


class Command(_Common, TyperCommand):
    """A command whose errors name the options that the next command needs."""

    def get_params(self, ctx: Any) -> list[Any]:
        """Its arguments and options."""
        return _in_plain_words(super().get_params(ctx))


def _unwrapped(text: str) -> str:
    """A docstring whose paragraphs are one line each, for a terminal of any width to wrap."""
    return "\n\n".join(" ".join(part.split()) for part in inspect.cleandoc(text).split("\n\n"))


HELP_NAMES = {"help_option_names": ["-h", "--help"]}
"""Context settings of every command."""


def with_examples(*examples: str) -> dict[str, Any]:
    """Typer arguments of a command: our class, -h, and examples below its help."""
    lines = ["Examples:", *(f"  {example}" for example in examples)]
    return {"cls": Command, "context_settings": HELP_NAMES, "epilog": "\n".join(lines)}


class Group(_Common, TyperGroup):
    """A command with subcommands; without arguments it shows its help, unless it runs by itself."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """Show the help if there is nothing to parse."""
        if not args and not self.invoke_without_command:
            typer.echo(ctx.get_help())
            ctx.exit()
        return super().parse_args(ctx, args)

    def get_params(self, ctx: Any) -> list[Any]:
        """Its options."""
        return _in_plain_words(super().get_params(ctx))


def _in_plain_words(params: list[Any]) -> list[Any]:
    """Show flags without `<bool>`, and defaults that are given as text without parentheses."""
    for param in params:
        if getattr(param, "is_flag", False) and param.metavar is None:
            param.metavar = ""
        shown = getattr(param, "show_default", None)
        if isinstance(shown, str):
            param._get_default_string = lambda shown=shown, **_: shown  # noqa: SLF001
    return params


def failure_of(error: BaseException, *, has_ended: bool = False) -> Failure | None:
    """The failure to show for an error; None for a bug.

    Args:
        error: What ended the command.
        has_ended: Whether a signal to end had arrived.
    """
    failure: Failure | None = None
    match error:
        case NewsclfError():
            failure = Failure(error.message, error.hint, error.exit_code)
        case OSError():
            failure = _of_the_system(error)
        case UnicodeEncodeError():
            failure = Failure(f"{short(error.object)}: a name or text that is not Unicode")
        case ValueError() if "UnicodeEncodeError" in str(error):  # from pydantic's JSON
            failure = Failure("a name of a file or folder that is not UTF-8 cannot be recorded")
        case MemoryError():
            failure = Failure("out of memory", "end other programs, or use a smaller model")
        case typer.BadParameter():
            failure = _of_a_value(error)
        case typer.TyperException():
            failure = _of_the_usage(error)
        # Ctrl-C at a prompt, or in native code while a module was loading.
        case typer.Abort() | ImportError() | SystemError() if has_ended or _by_ctrl_c(error):
            failure = Failure("interrupted", exit_code=InterruptedRunError.exit_code)
        case typer.Abort():
            failure = Failure("the question was not answered, so nothing was done")
    return failure


def _by_ctrl_c(error: BaseException) -> bool:
    seen: list[BaseException] = []
    cause: BaseException | None = error
    while cause is not None and cause not in seen:
        if isinstance(cause, KeyboardInterrupt):
            return True
        seen.append(cause)
        cause = cause.__cause__ or cause.__context__
    return False


def _of_the_system(error: OSError) -> Failure:
    if error.errno == errno.EBADF and error.filename is None:
        return Failure("standard input or output is closed")
    reason = reason_of(error)
    place = error.filename2 or error.filename
    option: str | None = getattr(error, "option", None)
    hints = ["free some space"] if error.errno in FULL_DISK and place != "standard output" else []
    hints += [f"name another place with {option}"] if option else []
    if isinstance(place, bytes):
        place = os.fsdecode(place)
    message = f"{place}: {reason}" if place is not None else reason
    return Failure(message, ", or ".join(hints) or None)


def _option_of(error: OSError, ctx: typer.Context) -> str | None:
    """The option that names the folder, or the file, that an error is about.

    Options that were not given count with the default shown in their help.
    """
    failed = error.filename2 or error.filename
    if not isinstance(failed, str):
        return None
    path = Path(os.path.realpath(failed))
    found: tuple[int, str] | None = None
    for parameter in ctx.command.params:
        value = ctx.params.get(parameter.name or "")
        shown = getattr(parameter, "show_default", None)
        place = value if value is not None else shown
        option = next((name for name in parameter.opts if name.startswith("--")), None)
        if option is None or not isinstance(place, str | Path) or not str(place):
            continue
        folder = Path(os.path.realpath(place))
        if (
            folder in (path, *path.parents)
            or path in folder.parents
            or (path.parent == folder.parent and path.name.startswith(f"{folder.name}."))
        ):
            found = max(found or (0, ""), (len(folder.parts), option))
    return found[1] if found else None


def _of_a_value(error: typer.BadParameter) -> Failure:
    """A value that its option cannot take: `--duration 5s: not a number`."""
    name = _named(error)
    problems: Sequence[Any] = getattr(error.__cause__, "errors", list)()
    if problems:
        said = f"{name} {short(problems[0]['input'])}: {describe_problem(problems[0])}"
    elif error.message:
        said = f"{name}: {re.sub('^dir ', 'folder ', _lowered(error.message))}"
    else:
        said = f"{name} is missing"
    return Failure(said, _help_of(error), _USAGE)


def _named(error: typer.BadParameter) -> str:
    if error.param_hint is not None:
        hint = error.param_hint
        return hint if isinstance(hint, str) else " / ".join(hint)
    if error.param is None:
        return "the value"
    names = error.param.opts
    option = next((name for name in names if name.startswith("--")), None)
    return option or error.param.get_error_hint().strip("'")


def _of_the_usage(error: typer.TyperException) -> Failure:
    """An unknown option or command, or one with too many or too few arguments."""
    message, _, guess = error.format_message().partition(" (Possible options: ")
    if guess:
        hint: str | None = f"did you mean {guess.rstrip(')').replace(', ', ' or ')}?"
    else:
        found = re.fullmatch(r"(.*)\. Did you mean (.*)\?", message, re.DOTALL)
        message, hint = (found[1], f"did you mean {found[2]}?") if found else (message, None)
    message = message.replace("Got unexpected extra argument(s) (", "Unexpected: ").rstrip(")")
    return Failure(_lowered(message), hint or _help_of(error), error.exit_code)


def _help_of(error: typer.TyperException) -> str:
    context = getattr(error, "ctx", None)
    return f"{context.command_path if context else 'newsclf'} --help"


def _lowered(message: str) -> str:
    return (message[:1].lower() + message[1:]).rstrip(".")
