"""Documents match the code: versions, commands, links and settings."""

from __future__ import annotations

import ast
import importlib.util
import json
import re
import shlex
import subprocess
from pathlib import Path
from types import ModuleType

import jsonschema
import pytest

import newsclf
from benchmarks import frontier
from benchmarks.accuracy import read_record, short_table, table
from lambda_src.openapi import document
from newsclf.common.settings import load_settings
from tests.conftest import Cli
from tests.support.watch_morning import morning

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
GUIDES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]


def tracked_files() -> list[Path]:
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],  # noqa: S607 - git
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [ROOT / name for name in listed.stdout.splitlines()]


def test_the_changelog_tells_what_is_new_and_ends_with_this_version() -> None:
    text = (ROOT / "CHANGELOG.md").read_text(encoding="utf-8")
    sections = [part.partition("\n") for part in re.split(r"^## ", text, flags=re.MULTILINE)[1:]]
    titles = [title for title, _, _ in sections]
    releases = titles[1:] if titles[0] == "[Unreleased]" else titles

    assert all(re.search(r"^- ", content, flags=re.MULTILINE) for _, _, content in sections)
    assert all(re.fullmatch(r"\[\d+\.\d+\.\d+\] - \d{4}-\d\d-\d\d", each) for each in releases)
    newest = releases[0].partition("]")[0][1:] if releases else "0.1.0"  # the first to come
    assert newest == newsclf.__version__


def test_the_readme_begins_with_its_two_commands() -> None:
    commands = re.findall(r"^make \w+", README, flags=re.MULTILINE)

    assert commands[:2] == ["make demo", "make test"]


def documented_commands() -> list[str]:
    texts = [path.read_text(encoding="utf-8") for path in GUIDES]
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", "\n".join(texts), flags=re.DOTALL)
    joined = [block.replace(" \\\n", " ") for block in blocks]
    lines = [line.removeprefix("$ ") for block in joined for line in block.splitlines()]
    return sorted({line for line in lines if line.startswith("newsclf ")})


@pytest.mark.parametrize("path", GUIDES, ids=lambda path: path.name)
def test_links_between_documents_lead_somewhere(path: Path) -> None:
    text = path.read_text(encoding="utf-8")
    for target, anchor in re.findall(r"(?:\]\(|src=\")([\w./-]*)(#[\w-]+)?[)\"]", text):
        found = path.parent / target if target else path
        assert found.exists(), target
        if anchor:
            titles = re.findall(r"^#+ (.+)$", found.read_text(encoding="utf-8"), flags=re.MULTILINE)
            words = [
                re.sub(r"[^\w\- ]", "", title.casefold()) for title in titles
            ]  # as GitHub does
            assert anchor[1:] in {each.replace(" ", "-") for each in words}, anchor


@pytest.mark.parametrize("command", documented_commands())
def test_every_documented_command_parses(command: str, newsclf: Cli) -> None:
    words = shlex.split(command, comments=True)[1:]

    # An option that does not exist is found before --help is acted upon.
    result = newsclf(words[0], *words[1:], "--help")

    assert result.exit_code == 0, result.err
    options = {word.partition("=")[0] for word in words if word.startswith("--")}
    assert all(option in result.out for option in options), options


@pytest.mark.parametrize("name", ["default.toml", "demo.toml"])
def test_shipped_settings_are_valid(name: str) -> None:
    load_settings(ROOT / "configs" / name, environ={})


def test_nothing_large_and_no_registry_is_tracked() -> None:
    for path in tracked_files():
        assert path.stat().st_size < 1_000_000, path
    pins = (ROOT / "constraints.txt").read_text(encoding="utf-8").splitlines()
    assert pins
    for line in pins:
        assert re.fullmatch(r"[\w.-]+==[\w.]+|#.*", line), line


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_modules_that_a_guide_names_exist(guide: Path) -> None:
    files = [f"/{path.relative_to(ROOT)}" for path in tracked_files()]
    named = re.findall(r"`([\w/]+\.py)`", guide.read_text(encoding="utf-8"))

    assert [name for name in named if not any(file.endswith(f"/{name}") for file in files)] == []


def test_decisions_are_numbered_and_dated_and_in_the_index() -> None:
    folder = ROOT / "docs" / "decisions"
    files = sorted(folder.glob("0*.md"))
    index = (folder / "index.md").read_text(encoding="utf-8")
    status = r"Status: (accepted|superseded by \[\d{4}\]\((.+)\))"
    head = rf"# (\d{{4}}) .+\n\n{status}  \nDate: \d{{4}}-\d\d-\d\d\n"

    assert [int(path.name[:4]) for path in files] == list(range(1, len(files) + 1))
    assert re.findall(r"\]\((.+\.md)\)", index) == [path.name for path in files]
    for path in files:
        found = re.match(head, path.read_text(encoding="utf-8"))
        assert found is not None, path
        assert found[1] == path.name[:4]
        assert found[3] is None or (folder / found[3]).is_file()


def script(name: str) -> ModuleType:
    """A script of docs/, loaded."""
    spec = importlib.util.spec_from_file_location("made", ROOT / "docs" / name)
    assert spec is not None
    assert spec.loader is not None
    made = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(made)
    return made


def test_the_command_reference_is_what_the_commands_say() -> None:
    made = script("command_reference.py")

    assert made.FILE.read_text(encoding="utf-8") == made.reference(), "type: make docs"


def test_the_postman_collection_is_made_of_the_openapi_document() -> None:
    made = script("postman_collection.py")
    api = document("api-key")
    validator = jsonschema.Draft202012Validator(
        {"$ref": "#/components/schemas/Request", "components": api["components"]}
    )

    assert made.FILE.read_text(encoding="utf-8") == made.text(), "type: make docs"
    items = made.collection()["item"]
    requests = [item["request"] for item in items]
    listed = "\n".join(
        f"{each['request']['method']} {each['request']['url']['raw']}  {each['name']}"
        for each in items
    )
    assert listed in (ROOT / "docs/serving.md").read_text(encoding="utf-8")
    asked = {
        (request["method"].lower(), f"/{'/'.join(request['url']['path'])}") for request in requests
    }
    assert asked == {(method, path) for path, methods in api["paths"].items() for method in methods}
    bodies = [json.loads(request["body"]["raw"]) for request in requests if "body" in request]
    assert bodies
    for body in bodies:
        validator.validate(body)


def test_the_terminal_of_watch_is_what_it_prints(tmp_path: Path) -> None:
    printed = script("pictures.py").draw_watch_terminal(morning(tmp_path))

    guide = (ROOT / "docs/watch.md").read_text(encoding="utf-8")
    assert f"```text\n{printed}\n```" in guide, "docs/pictures.py makes it and the pictures"


def test_the_table_of_accuracy_is_what_was_recorded() -> None:
    for made, page in ((table, ROOT / "docs/results.md"), (short_table, ROOT / "README.md")):
        assert made(read_record()) in page.read_text(encoding="utf-8"), (
            "python -m benchmarks.accuracy --table prints it"
        )


def test_the_table_of_accuracy_against_cost_is_what_was_recorded() -> None:
    record = frontier.read_record()
    for made, page in ((frontier.table, "docs/loadtest.md"), (frontier.short_table, "README.md")):
        assert made(record) in (ROOT / page).read_text(encoding="utf-8"), (
            "python -m benchmarks.frontier --table prints it"
        )


def test_each_demand_on_signals_is_proved_by_tests_that_exist() -> None:
    text = (ROOT / "docs/signals.md").read_text(encoding="utf-8")
    rows = re.findall(r"^\| (\d+) \| (.+) \| (.+) \|$", text, flags=re.MULTILINE)
    assert [int(number) for number, _, _ in rows] == list(range(1, 16))
    for number, _, proof in rows:
        nodes = re.findall(r"`(tests/[\w/]+\.py)::(\w+)`", proof)
        assert nodes, f"demand {number} names no test"
        assert proof.count("::") == len(nodes)
        for file, name in nodes:
            tests = ast.parse((ROOT / file).read_text(encoding="utf-8")).body
            assert name in {each.name for each in tests if isinstance(each, ast.FunctionDef)}, name


def test_the_tests_of_the_wheel_get_all_that_they_import() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    found = re.search(r"^\tcp -r (.+) \$\(WHEEL_VENV\)$", makefile, flags=re.MULTILINE)
    assert found is not None
    installed = {"newsclf", "lambda_src"}
    texts = [path.read_text(encoding="utf-8") for path in (ROOT / "tests").rglob("*.py")]
    imported = set(re.findall(r"^(?:from|import) (\w+)", "\n".join(texts), flags=re.MULTILINE))

    folders = {path.name for path in ROOT.iterdir() if path.is_dir()}
    assert imported & folders - installed <= set(found[1].split())
