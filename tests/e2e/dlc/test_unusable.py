"""A model that can't be used, under the stock container's own toolkit."""

from __future__ import annotations

from pathlib import Path

from tests.e2e.dlc.toolkit import running, unpack


def test_every_request_is_refused_at_once_as_our_fault(archive: Path, ml: Path) -> None:
    unpack(archive, ml)
    with (ml / "model" / "model.onnx").open("r+b") as file:
        file.write(b"damaged")

    with running(ml, workers=1) as toolkit:
        answers = [toolkit.post({"inputs": "Profit rose"}) for _ in range(3)]
        malformed = toolkit.post({"inputs": 7})
        log = toolkit.log()

    for answer in (*answers, malformed):
        assert answer.status_code == 500
        assert answer.json()["message"].startswith("internal: the model cannot be used")
        assert "model.onnx is not the file that its card describes" in answer.json()["message"]
    # Loaded once, by its one worker: no request has tried again.
    assert log.count("the model cannot be used; every request will be refused") == 1
