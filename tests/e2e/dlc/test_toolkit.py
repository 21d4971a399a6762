"""The archive under the stock container's own toolkit, beside our server and our engine."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from newsclf.serving.engines.onnx_runtime import Engine
from tests.e2e.dlc.toolkit import NOBODY, PYTHON, Toolkit, running, unpack
from tests.integration.serving.test_server import running as serving
from tests.support.builders import sample_rows


@pytest.fixture(scope="module", params=[0, NOBODY], ids=["root", "nobody"])
def toolkit(archive: Path, ml: Path, request: pytest.FixtureRequest) -> Iterator[Toolkit]:
    """Two workers over the unpacked archive, as a real-time and as a serverless endpoint's user."""
    unpack(archive, ml)
    with running(ml, workers=2, uid=request.param) as started:
        yield started


def packages() -> dict[str, str]:
    """Name and version of what is installed beside the toolkit."""
    listed = subprocess.run(
        [PYTHON, "-m", "pip", "list", "--format=json", "--disable-pip-version-check"],
        capture_output=True,
        text=True,
        check=True,
    )
    return {row["name"]: row["version"] for row in json.loads(listed.stdout)}


def assert_same(answer: Any, expected: Any) -> None:
    """Same labels in the same order, scores within 1e-4."""
    rows, others = (x if isinstance(x[0], list) else [x] for x in (answer, expected))
    assert len(rows) == len(others)
    for row, other in zip(rows, others, strict=True):
        assert [entry["label"] for entry in row] == [entry["label"] for entry in other]
        assert [entry["score"] for entry in row] == pytest.approx(
            [entry["score"] for entry in other], abs=1e-4
        )


def test_it_starts_without_pip_and_leaves_the_container_s_packages_alone(
    toolkit: Toolkit,
) -> None:
    pinned = (Path(__file__).parent / "requirements.txt").read_text(encoding="utf-8").splitlines()
    before = {name: pin for name, _, pin in (line.partition("==") for line in pinned) if pin}

    installed = packages()

    assert "installing packages" not in toolkit.log()
    assert "onnxruntime" not in installed
    assert {name: installed[name].partition("+")[0] for name in before} == before


def test_answers_are_those_of_our_server_and_engine(toolkit: Toolkit, model: Path) -> None:
    texts = [text for text, _ in sample_rows()[:200]]
    engine = Engine(model)
    with serving(model, "--workers", "2") as server:
        for inputs in (texts, texts[:1], *texts[:20], "Ä – “€” \0", "long " * 100_000):
            body = {"inputs": inputs}
            answer = toolkit.post(body)
            assert answer.status_code == 200
            assert answer.headers["content-type"].startswith("application/json")
            assert_same(answer.json(), server.post(body).json())
    predictions = [prediction.as_pipeline() for prediction in engine.classify(texts)]
    assert_same(toolkit.post({"inputs": texts}).json(), predictions)


@pytest.mark.parametrize(
    ("body", "said"),
    [
        (b"", "contract: the body is not JSON"),
        (b"{", "contract: the body is not JSON"),
        ([], "contract: the body must be an object with 'inputs'"),
        ({"inputs": 7}, "contract: 'inputs' must be a text, not int"),
        ({"inputs": ["a", " "]}, "contract: 'inputs[1]' is empty"),
        ({"inputs": ["a"] * 513}, "contract: 'inputs' must hold 1 to 512 headlines, not 513"),
        (b" " * 6_400_000, "contract: the body is larger than 6291456 bytes"),
        # The toolkit decodes the body before anyone else sees it, and says so in its own words.
        (b"\xff", "'utf-8' codec can't decode"),
    ],
)
def test_a_request_that_is_not_of_the_contract_is_a_400_that_says_so(
    toolkit: Toolkit, body: object, said: str
) -> None:
    answer = toolkit.post(body)

    assert answer.status_code == 400
    assert answer.json()["message"].startswith(said)
    assert toolkit.post({"inputs": "Profit rose"}).status_code == 200


def test_no_headline_reaches_the_log(toolkit: Toolkit) -> None:
    headline = "Takeover of Ferrum Nowa"
    for body in ({"inputs": headline}, {"inputs": [headline, 7]}, f'{{"inputs": "{headline}'):
        toolkit.post(body.encode() if isinstance(body, str) else body)

    assert headline not in toolkit.log()
