"""Files of test sets: found by digest in a folder or the cache, or downloaded once."""

from __future__ import annotations

import logging
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError, DownloadError
from newsclf.evaluation.unseen.catalogue import Catalogue, read_catalogue
from newsclf.evaluation.unseen.fetch import cache_folder, read_files
from tests.support.unseen_builders import COMMIT, FINENTITY, TFNS, entry, write_catalogue


class Server(ThreadingHTTPServer):
    """Files by path; the paths that were asked for."""

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.files: dict[str, bytes] = {}
        self.asked: list[str] = []
        self.url = f"http://127.0.0.1:{self.server_port}"


class _Handler(BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        self.server.asked.append(self.path)
        found = self.server.files.get(self.path)
        self.send_response(200 if found is not None else 404)
        body = found if found is not None else b"none"
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
        pass


@pytest.fixture
def server() -> Iterator[Server]:
    server = Server()
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    server.server_close()
    thread.join()


@pytest.fixture(autouse=True)
def _notes(caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, logger="newsclf")


def catalogue_of(tmp_path: Path, *forms: str, host: str = "http://127.0.0.1:9") -> Catalogue:
    path = write_catalogue(tmp_path / "sets.toml", *(entry(form) for form in forms), host=host)
    return read_catalogue(path)


PATH = f"/somebody/sets/{COMMIT}/data/finentity.dat"


@pytest.mark.parametrize("name", ["whatever.txt", "a clone/data/finentity.dat"])
def test_a_file_in_the_folder_is_known_by_its_digest(tmp_path: Path, name: str) -> None:
    catalogue = catalogue_of(tmp_path, "finentity")
    folder = tmp_path / "mine"
    (folder / name).parent.mkdir(parents=True)
    (folder / name).write_bytes(FINENTITY)
    (folder / "another.txt").write_bytes(b"x" * len(FINENTITY))
    (folder / "a folder").mkdir()

    found = read_files(catalogue, catalogue.sets[0], folder=folder, cache=tmp_path / "cache")

    assert found == [FINENTITY]
    assert not (tmp_path / "cache").exists()


def test_a_file_is_downloaded_once_after_its_terms_were_told(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.files[PATH] = FINENTITY
    catalogue = catalogue_of(tmp_path, "finentity", host=server.url)
    cache = tmp_path / "deep" / "cache"

    for _ in range(2):
        found = read_files(catalogue, catalogue.sets[0], folder=None, cache=cache)
        assert found == [FINENTITY]

    assert server.asked == [PATH]
    assert [path.read_bytes() for path in cache.iterdir()] == [FINENTITY]
    [told] = caplog.messages
    assert "licence: CC0" in told
    assert "please cite: Somebody 2026" in told


def test_a_changed_file_in_the_cache_is_not_used(tmp_path: Path, server: Server) -> None:
    server.files[PATH] = FINENTITY
    catalogue = catalogue_of(tmp_path, "finentity", host=server.url)
    [file] = catalogue.sets[0].files
    (tmp_path / file.sha256).write_bytes(b"x" * file.bytes)

    found = read_files(catalogue, catalogue.sets[0], folder=None, cache=tmp_path)

    assert found == [FINENTITY]
    assert (tmp_path / file.sha256).read_bytes() == FINENTITY


def test_a_file_of_the_right_name_but_another_content_is_named(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.files[PATH] = FINENTITY
    catalogue = catalogue_of(tmp_path, "finentity", host=server.url)
    folder = tmp_path / "mine"
    folder.mkdir()
    (folder / "finentity.dat").write_bytes(TFNS)

    read_files(catalogue, catalogue.sets[0], folder=folder, cache=tmp_path / "cache")

    assert "finentity.dat: not the file of the catalogue" in caplog.text


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"x" * len(FINENTITY), "SHA-256 differs"),
        (FINENTITY + b"x", "more than its"),
        (b"short", "SHA-256 differs"),
        (None, "HTTP status 404"),
    ],
)
def test_another_answer_than_the_file_is_an_error_and_nothing_is_kept(
    tmp_path: Path, server: Server, body: bytes | None, said: str
) -> None:
    if body is not None:
        server.files[PATH] = body
    catalogue = catalogue_of(tmp_path, "finentity", host=server.url)

    with pytest.raises(DownloadError) as raised:
        read_files(catalogue, catalogue.sets[0], folder=None, cache=tmp_path / "cache")

    assert said in raised.value.message
    assert "--sets DIR" in (raised.value.hint or "")
    assert not (tmp_path / "cache").exists()


def test_without_an_answer_the_error_says_how_to_do_without(tmp_path: Path, server: Server) -> None:
    catalogue = catalogue_of(tmp_path, "finentity", host=server.url)
    server.server_close()  # what listens no more refuses

    with pytest.raises(DownloadError, match="could not be downloaded") as raised:
        read_files(catalogue, catalogue.sets[0], folder=None, cache=tmp_path / "cache")

    assert raised.value.hint == "put a copy of finentity.dat into a folder and pass it: --sets DIR"


@pytest.mark.parametrize("host", ["http://[::1", "http://a..b", "http://a\tb", "https://"])
def test_a_host_that_is_none_is_an_error(tmp_path: Path, host: str) -> None:
    catalogue = catalogue_of(tmp_path, "finentity", host=host)

    with pytest.raises(DownloadError, match="could not be downloaded"):
        read_files(catalogue, catalogue.sets[0], folder=None, cache=tmp_path / "cache")


def test_a_cache_that_cannot_be_written_does_not_stop_the_evaluation(
    tmp_path: Path, server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    server.files[PATH] = FINENTITY
    catalogue = catalogue_of(tmp_path, "finentity", host=server.url)
    (tmp_path / "file").touch()

    found = read_files(catalogue, catalogue.sets[0], folder=None, cache=tmp_path / "file" / "cache")

    assert found == [FINENTITY]
    assert "cannot be written" in caplog.text


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    catalogue = catalogue_of(tmp_path, "finentity")

    (tmp_path / "file").touch()

    for name, said in (("absent", "no such folder"), ("file", "not a folder")):
        with pytest.raises(ConfigError, match=rf"--sets .*{name}: {said}"):
            read_files(catalogue, catalogue.sets[0], folder=tmp_path / name, cache=tmp_path)


def test_the_cache_is_the_user_s(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    assert cache_folder() == tmp_path / "newsclf" / "sets"

    monkeypatch.setenv("XDG_CACHE_HOME", "not/absolute")
    assert cache_folder() == Path.home() / ".cache" / "newsclf" / "sets"
