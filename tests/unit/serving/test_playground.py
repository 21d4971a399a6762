"""The playground: who shows it, under which policy, and who never does."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from newsclf.deploy.aws.api import function_code
from newsclf.deploy.local.gateway.settings import GatewaySettings
from newsclf.deploy.package import archive
from newsclf.deploy.records import ApiRequest, LocalDeployment
from newsclf.serving.playground.document import of_deployment, of_model, playground
from tests.support.playground import KEY, serving_playground

ROOT = Path(__file__).parents[3]


def asked(headers: dict[str, str] | None = None, *, needs_key: bool = False) -> httpx.Response:
    async def run() -> httpx.Response:
        async with (
            serving_playground(needs_key=needs_key) as address,
            httpx.AsyncClient() as client,
        ):
            return await client.get(address, headers=headers)

    return asyncio.run(run())


def test_the_page_allows_nothing_but_its_own_script_and_server() -> None:
    answer = asked()

    assert answer.status_code == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.headers["x-frame-options"] == "DENY"
    assert answer.headers["cache-control"] == "no-store"
    rules = dict(
        rule.split(" ", 1) for rule in answer.headers["content-security-policy"].split("; ")
    )
    assert rules["default-src"] == "'none'"
    assert rules["connect-src"] == "'self'"
    assert re.fullmatch(r"'sha256-[\w+/=]+'", rules["script-src"])
    assert rules["require-trusted-types-for"] == "'script'"


def test_the_page_needs_no_key_holds_none_and_calls_need_it() -> None:
    answer = asked(needs_key=True)

    assert answer.status_code == 200
    assert KEY not in answer.text

    async def run() -> list[int]:
        async with serving_playground(needs_key=True) as address, httpx.AsyncClient() as client:
            body = {"headlines": ["Profit rose"], "explain": True}
            tried = [
                await client.post(f"{address}classify", json=body, headers={"x-api-key": key})
                for key in ("wrong", KEY)
            ]
            return [each.status_code for each in tried]

    assert asyncio.run(run()) == [401, 200]


def test_other_sites_may_link_to_the_page_but_not_point_their_name_here() -> None:
    assert asked({"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}).status_code == 200
    assert asked({"Host": "evil.example"}).status_code == 403


@pytest.mark.parametrize("name", ["{{ script }}", '"><script>x</script>', "a'b\u202e"])
def test_a_name_is_a_text(name: str) -> None:
    page = playground(of_model(Path(name))).html.decode()

    assert page.count("<script") == 1
    assert page.count("function markedText(") == 1
    assert "\u202e" not in page
    assert "<script>x" not in page


def test_the_example_calls_name_another_state_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    usual = of_deployment("news", tmp_path / ".newsclf/run/news", None)
    other = of_deployment("news", tmp_path / "state/run/news", tmp_path / "state/run/news/api.key")

    assert usual.python == 'Classifier.connect("news")'
    assert other.python == 'Classifier.connect("news", state_dir="state")'
    assert other.key_file == "state/run/news/api.key"


@pytest.mark.parametrize(("auth", "page"), [("iam", True), ("none", False), ("api-key", False)])
def test_an_api_without_a_page(auth: str, tmp_path: Path, *, page: bool) -> None:
    assert settings_of(auth, tmp_path, page=page).subject is None


@pytest.mark.parametrize("auth", ["none", "api-key"])
def test_an_api_with_a_page_reads_its_settings_back(auth: str, tmp_path: Path) -> None:
    settings = settings_of(auth, tmp_path, page=True)

    assert settings.subject is not None
    assert (settings.subject.key_file is None) == (auth == "none")
    assert GatewaySettings.read(settings.write(tmp_path)) == settings


def settings_of(auth: str, folder: Path, *, page: bool) -> GatewaySettings:
    """The settings of the gateway of an API."""
    options = {"auth": auth, "page": page, "runtimes": 1, "rate_per_s": 1.0, "burst": 1}
    deployment = LocalDeployment.model_validate(
        {
            "name": "news",
            "target": "local",
            "created": "2026-11-26T12:00:00+00:00",
            "model": folder,
            "model_digest": "0" * 64,
            "folder": folder,
            "server": {"status": "ready", "port": 8080},
            "workers": 1,
            "api": {"status": "creating", "port": 8081, **options},
        }
    )
    assert ApiRequest(page=page).page is page
    assert deployment.api is not None
    return GatewaySettings.create(deployment, deployment.api)


def test_the_page_goes_to_aws_in_no_archive_and_no_container() -> None:
    """The archives hold no module of it, and SageMaker starts an image of one's own without it."""
    sent = [*archive.MODULES, *function_code.API_MODULES]

    assert [name for name in sent if "playground" in name or "local_page" in name] == []
    assert "--no-page" in (ROOT / "container/serve").read_text(encoding="utf-8")
