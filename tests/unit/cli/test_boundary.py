"""How commands end: usage errors, what the operating system refuses, signals."""

from __future__ import annotations

import errno
import os
import signal
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from newsclf.cli.option_values import typed
from newsclf.cli.options import settings_from
from newsclf.common.errors import InterruptedRunError
from newsclf.common.settings import Settings
from tests.conftest import Cli

Seam = Callable[[Callable[[], None]], None]


@pytest.fixture
def during(monkeypatch: pytest.MonkeyPatch) -> Seam:
    """Have something happen in the middle of `newsclf prices show`."""

    def put(event: Callable[[], None]) -> None:
        monkeypatch.setattr("newsclf.cli.options.settings_from", lambda *_: event())

    return put


def raising(error: BaseException) -> Callable[[], None]:
    def event() -> None:
        raise error

    return event


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ("evalute", "error: no such command 'evalute'\nhint: did you mean 'evaluate'?\n"),
        ("prices shw", "error: no such command 'shw'\nhint: did you mean 'show'?\n"),
        ("train --epoch 3", "error: no such option: --epoch\nhint: did you mean --epochs or"),
        ("train --epochs x", "error: --epochs x: not a whole number\n"),
        ("train --epochs 0", "error: --epochs 0: at least 1\n"),
        ("serve --port 99999", "error: --port 99999: at most 65535\nhint: newsclf serve --help\n"),
        ("loadtest --utilisation 0", "error: --utilisation 0: at least 0.01\n"),
        ("data overlap", "error: A is missing\nhint: newsclf data overlap --help\n"),
        (
            "predict --count",
            "error: option '--count' requires an argument\nhint: newsclf predict --help\n",
        ),
        (
            "evaluate --gate accuracy=0.95 --gate accuracy=0.5",
            "error: --gate accuracy: a key is given twice\nhint: give it once\n",
        ),
        ("train extra", "error: unexpected: extra\nhint: newsclf train --help\n"),
        ("package --wheels none", "error: --wheels: folder 'none' does not exist\n"),
    ],
)
def test_a_wrong_command_line_is_told_like_any_error(
    newsclf: Cli, arguments: str, said: str
) -> None:
    done = newsclf(*arguments.split())

    assert done.exit_code == 2
    assert done.err.startswith(said)
    assert done.out == ""


@pytest.mark.parametrize("command", [(), ("prices",)])
def test_no_command_is_a_request_for_help(newsclf: Cli, command: tuple[str, ...]) -> None:
    done = newsclf(*command)

    assert done.exit_code == 0
    assert " ".join(("Usage: newsclf", *command)) in done.out
    assert done.err == ""


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (
            PermissionError(errno.EACCES, "Permission denied", ".newsclf/deployments"),
            (
                "error: .newsclf/deployments: permission denied\n"
                "hint: name another place with --state-dir\n"
            ),
        ),
        (
            OSError(errno.ENOSPC, "No space left on device", ".newsclf/prices.toml"),
            (
                "error: .newsclf/prices.toml: no space left on device\n"
                "hint: free some space, or name another place with --state-dir\n"
            ),
        ),
        (
            OSError(errno.EROFS, "Read-only file system", "/etc/x"),
            "error: /etc/x: read-only file system\n",
        ),
        (
            FileNotFoundError(errno.ENOENT, "No such file or directory", "a", None, "b"),
            "error: b: no such file or directory\n",
        ),
        (OSError("odd"), "error: odd\n"),
        (
            ValueError("Error serializing to JSON: UnicodeEncodeError: 'utf-8' codec can't encode"),
            "error: a name of a file or folder that is not UTF-8 cannot be recorded\n",
        ),
        (MemoryError(), "error: out of memory\nhint: "),
        (
            UnicodeEncodeError("utf-8", "m\udcff", 1, 2, "no"),
            "error: m\\udcff: a name",
        ),
    ],
)
def test_what_the_system_refuses_is_one_line_and_a_hint(
    newsclf: Cli, during: Seam, error: BaseException, said: str
) -> None:
    during(raising(error))

    done = newsclf("prices", "show")

    assert done.exit_code == 1
    assert done.err.startswith(said)


def test_an_argument_is_what_was_typed_whatever_the_locale() -> None:
    assert typed("Profit \udce2\udc82\udcac 3") == "Profit € 3"
    assert typed("Profit € 3") == "Profit € 3"
    assert typed("Profit \udcff") == "Profit \udcff"


def test_a_bug_keeps_its_traceback(newsclf: Cli, during: Seam) -> None:
    during(raising(ZeroDivisionError()))

    with pytest.raises(ZeroDivisionError):
        newsclf("prices", "show")


@pytest.fixture
def as_by_default() -> Iterator[None]:
    """SIGTERM and SIGHUP as a shell leaves them, whatever runs the tests."""
    before = {each: signal.signal(each, signal.SIG_DFL) for each in (signal.SIGTERM, signal.SIGHUP)}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("as_by_default")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)]
)
def test_a_signal_ends_a_command_with_its_clean_up(
    newsclf: Cli, during: Seam, number: signal.Signals, code: int
) -> None:
    cleaned_up = []

    def event() -> None:
        try:
            os.kill(os.getpid(), number)
        finally:
            os.kill(os.getpid(), signal.SIGHUP)  # a terminal sends several; none disturbs this
            cleaned_up.append(True)

    during(event if number != signal.SIGINT else raising(KeyboardInterrupt()))

    done = newsclf("prices", "show")

    assert (done.exit_code, done.err) == (code, "error: interrupted\n")
    assert cleaned_up or number == signal.SIGINT
    assert signal.getsignal(signal.SIGTERM) is signal.SIG_DFL


@pytest.mark.usefixtures("as_by_default")
@pytest.mark.parametrize("kind", [ImportError, SystemError])
def test_ctrl_c_while_native_code_loads_is_an_interruption(
    newsclf: Cli, during: Seam, kind: type[Exception]
) -> None:
    def event() -> None:
        error = kind("initialization failed")
        error.__cause__ = KeyboardInterrupt()
        raise ImportError("numpy is damaged") from error  # as some packages do again

    during(event)
    done = newsclf("prices", "show")

    assert (done.exit_code, done.err) == (130, "error: interrupted\n")


@pytest.mark.usefixtures("as_by_default")
def test_sigterm_that_native_code_swallows_while_it_loads_is_an_interruption(
    newsclf: Cli, during: Seam
) -> None:
    def event() -> None:
        with suppress(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGTERM)
        raise ImportError("numpy.core.multiarray failed to import")

    during(event)
    done = newsclf("prices", "show")

    assert (done.exit_code, done.err) == (143, "error: interrupted\n")


def test_a_module_that_cannot_be_loaded_for_itself_is_a_bug(newsclf: Cli, during: Seam) -> None:
    during(raising(ImportError("no")))

    with pytest.raises(ImportError):
        newsclf("prices", "show")


@pytest.mark.usefixtures("as_by_default")
def test_a_message_on_how_to_go_on_goes_with_the_code_of_the_signal(
    newsclf: Cli, during: Seam
) -> None:
    def event() -> None:
        try:
            os.kill(os.getpid(), signal.SIGTERM)
        except KeyboardInterrupt:
            raise InterruptedRunError("kept", hint="newsclf train --resume") from None

    during(event)

    done = newsclf("prices", "show")

    assert (done.exit_code, done.err) == (143, "error: kept\nhint: newsclf train --resume\n")


@pytest.mark.usefixtures("as_by_default")
def test_what_nohup_ignores_stays_ignored(newsclf: Cli, monkeypatch: pytest.MonkeyPatch) -> None:
    signal.signal(signal.SIGHUP, signal.SIG_IGN)

    def hung_up(config: Path | None, flags: dict[str, Any]) -> Settings:
        os.kill(os.getpid(), signal.SIGHUP)
        return settings_from(config, flags)

    monkeypatch.setattr("newsclf.cli.options.settings_from", hung_up)

    assert newsclf("prices", "show").exit_code == 0
    assert signal.getsignal(signal.SIGHUP) is signal.SIG_IGN
