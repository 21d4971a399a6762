"""`newsclf package` on a trained model, and its hooks called as the container's toolkit does."""

from __future__ import annotations

import importlib
import json
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
from botocore.stub import Stubber

from newsclf.common.files import file_digest
from newsclf.contract.labels import LABELS
from newsclf.deploy.package.archive import ENGINE, GPU_ENGINE, MODULES
from newsclf.model.card import read_card
from newsclf.serving.engines.onnx_runtime import Engine
from newsclf.serving.engines.torch_gpu import GpuEngine
from newsclf.serving.sagemaker_hooks import Unusable, model_fn, transform_fn
from tests.conftest import Cli, Result
from tests.support.builders import LAMBDA_ENVIRONMENT, build_wheels, sample_rows

JSON = "application/json"
AS_THE_TOOLKIT = """
import importlib, importlib.util, json, sys
folder, requests = sys.argv[1], json.load(sys.stdin)
sys.path.insert(0, folder + "/code")
assert importlib.util.find_spec("inference") is not None
module = importlib.import_module("inference")
model = module.model_fn(folder)
answers = []
for body, content_type in requests:
    try:
        answers.append(module.transform_fn(model, body, content_type, "application/json"))
    except Exception as error:
        answers.append(str(error))
loaded = [m.__file__ for name, m in sys.modules.items() if name.split(".")[0] == "newsclf"]
json.dump({"answers": answers, "loaded": loaded}, sys.stdout)
"""
ON_THE_CPU = """
import functools
from newsclf.serving.engines import torch_gpu
torch_gpu.GpuEngine = functools.partial(torch_gpu.GpuEngine, device="cpu")
model = module.model_fn(folder)
"""


@pytest.fixture
def model(trained: Path) -> Path:
    """A copy of the trained model in the working folder, as `model`."""
    shutil.copytree(trained / "model", "model")
    return Path("model")


@pytest.fixture
def pack(newsclf: Cli) -> Any:
    """Run the command with wheels that are at hand."""
    requirements = build_wheels(Path("wheels"), "onnxruntime==1.2.3", "helper==4").resolve()

    def run(*arguments: object) -> Result:
        return newsclf(
            "package", "--wheels", requirements.parent, "--requirements", requirements, *arguments
        )

    return run


@pytest.fixture
def unpacked(model: Path, pack: Any) -> Path:
    """The archive's contents, as SageMaker lays them out, but with a real ONNX Runtime."""
    assert pack(model).exit_code == 0
    with tarfile.open("model.tar.gz") as archive:
        archive.extractall("ml", filter="data")
    shutil.rmtree("ml/code/packages/onnxruntime")
    return Path("ml").resolve()


def call(
    folder: Path, requests: list[tuple[str, str]], script: str = AS_THE_TOOLKIT
) -> dict[str, Any]:
    """Call the packed hooks in a process that finds nothing of ours but `code/`."""
    done = subprocess.run(
        [sys.executable, "-I", "-c", script, folder],
        input=json.dumps(requests),
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
    )
    assert done.returncode == 0, done.stderr
    document: dict[str, Any] = json.loads(done.stdout)
    return document | {"log": done.stderr}


# --- the command


def test_it_packs_what_serves_and_says_so(model: Path, pack: Any) -> None:
    shown = pack(model)
    assert shown.exit_code == 0, shown.err
    for part in (
        "model.onnx",
        "code/inference.py",
        "code/packages/helper/…",
        "the archive",
        file_digest(Path("model.tar.gz")),
    ):
        assert part in shown.out

    document = json.loads(pack(model, "--json", "--overwrite").out)
    assert document["sha256"] == file_digest(Path("model.tar.gz"))
    assert document["size_bytes"] == Path("model.tar.gz").stat().st_size
    assert document["model_digest"] == read_card(model)[1].digest
    names = {file["name"] for file in document["files"]}
    assert {f"code/{name}" for name in MODULES} <= names
    assert not {name for name in names if name.endswith((".safetensors", ".svg"))}
    assert {f"code/packages/{name}/__init__.py" for name in ("onnxruntime", "helper")} <= names
    assert "code/requirements.txt" not in names  # the toolkit would run pip


def test_the_same_model_gives_the_same_bytes(model: Path, pack: Any) -> None:
    pack(model)
    shutil.copytree(model, "elsewhere/copy")
    pack("elsewhere/copy", "--out", "elsewhere/other.tar.gz")

    assert file_digest(Path("elsewhere/other.tar.gz")) == file_digest(Path("model.tar.gz"))


def test_float_weights_travel_when_asked_for(model: Path, pack: Any) -> None:
    names = {
        file["name"] for file in json.loads(pack(model, "--float-weights", "--json").out)["files"]
    }

    assert "model.safetensors" in names


def test_an_archive_for_gpus_has_float_weights_and_no_packages(model: Path, newsclf: Cli) -> None:
    result = newsclf("package", model, "--gpu", "--json")

    assert result.exit_code == 0, result.err
    names = {file["name"] for file in json.loads(result.out)["files"]}
    assert {"model.safetensors", f"code/{GPU_ENGINE}"} <= names
    assert not {name for name in names if name.startswith("code/packages/")}
    assert not {"model.onnx", f"code/{ENGINE}"} & names
    assert newsclf("package", "--check", "model.tar.gz").exit_code == 0
    refused = newsclf("package", model, "--gpu", "--wheels", ".", "--overwrite")
    assert (refused.exit_code, "--gpu takes no --wheels" in refused.err) == (2, True)


def test_an_archive_is_replaced_only_when_asked_and_only_by_a_whole_one(
    model: Path, pack: Any
) -> None:
    pack(model)
    before = file_digest(Path("model.tar.gz"))

    again = pack(model)
    assert (again.exit_code, "model.tar.gz already exists" in again.err) == (2, True)
    (model / "model.onnx").write_bytes(b"damaged")
    damaged = pack(model, "--overwrite")
    assert (damaged.exit_code, "SHA-256 differs" in damaged.err) == (3, True)
    assert pack(model, "--out", model).exit_code == 2
    assert file_digest(Path("model.tar.gz")) == before
    assert sorted(path.name for path in Path().iterdir()) == ["model", "model.tar.gz", "wheels"]


def test_a_place_that_cannot_be_written_to_is_said(model: Path, pack: Any) -> None:
    Path("file").touch()

    result = pack(model, "--out", "file/model.tar.gz")

    assert result.exit_code == 2
    assert "file/model.tar.gz: the archive cannot be written" in result.err


def test_what_is_missing_is_said(model: Path, pack: Any) -> None:
    assert pack("nowhere").exit_code == 3
    (model / "model.onnx").unlink()
    without = pack(model)
    assert (without.exit_code, "newsclf optimize" in without.err) == (3, True)
    assert not Path("model.tar.gz").exists()


def test_pins_without_the_runtime_are_refused(model: Path, newsclf: Cli) -> None:
    other = build_wheels(Path("other"), "helper==4")

    result = newsclf("package", "--wheels", "other", "--requirements", other, model)

    assert result.exit_code == 2
    assert "it does not pin onnxruntime" in result.err


def test_check_accepts_an_archive_and_names_what_is_wrong_with_another(
    model: Path, pack: Any, newsclf: Cli
) -> None:
    packed = json.loads(pack(model, "--json").out)
    checked = newsclf("package", "--check", "model.tar.gz", "--json")
    assert (checked.exit_code, json.loads(checked.out)) == (0, packed)

    with tarfile.open("bare.tar.gz", "w:gz") as archive:
        archive.add(model, "news")
    bare = newsclf("package", "--check", "bare.tar.gz")
    assert bare.exit_code == 3
    assert "must be at the root of the archive, not in news/" in bare.err

    cut = Path("model.tar.gz").read_bytes()[:-1000]
    Path("cut.tar.gz").write_bytes(cut)
    assert newsclf("package", "--check", "cut.tar.gz").exit_code == 3
    assert newsclf("package", "--check", "none.tar.gz").exit_code == 3
    assert newsclf("package", model, "--check", "model.tar.gz").exit_code == 2


# --- the hooks


def test_the_code_folder_is_all_the_hooks_need_and_answers_like_the_engine(
    unpacked: Path, trained: Path
) -> None:
    texts = [text for text, _ in sample_rows()[:20]]
    expected = [p.as_pipeline() for p in Engine(trained / "model").classify(texts)]

    called = call(
        unpacked,
        [
            (json.dumps({"inputs": texts}), "application/json"),
            (json.dumps({"inputs": texts[0]}), "application/json; charset=utf-8"),
        ],
    )

    many, one = map(json.loads, called["answers"])
    assert (many, one) == (expected, expected[0])
    loaded = {Path(name).relative_to(unpacked / "code").as_posix() for name in called["loaded"]}
    assert loaded == {*MODULES, ENGINE}


@pytest.fixture
def unpacked_for_gpu(model: Path, newsclf: Cli) -> Path:
    """The contents of an archive for GPUs."""
    assert newsclf("package", model, "--gpu").exit_code == 0
    with tarfile.open("model.tar.gz") as archive:
        archive.extractall("ml", filter="data")
    return Path("ml").resolve()


def test_an_archive_for_gpus_is_refused_by_every_request_where_there_is_none(
    unpacked_for_gpu: Path,
) -> None:
    called = call(unpacked_for_gpu, [('{"inputs": "Profit rose"}', JSON)])

    (answer,) = called["answers"]
    assert answer.startswith("internal: the model cannot be used")
    assert "packed for a GPU, and PyTorch finds none here" in answer


def test_the_gpu_engine_answers_like_the_float_model(unpacked_for_gpu: Path) -> None:
    texts = [text for text, _ in sample_rows()[:20]]
    script = AS_THE_TOOLKIT.replace("model = module.model_fn(folder)", ON_THE_CPU)

    called = call(unpacked_for_gpu, [(json.dumps({"inputs": texts}), JSON)], script)

    (answer,) = map(json.loads, called["answers"])
    expected = [p.scores for p in GpuEngine(unpacked_for_gpu, device="cpu").classify(texts)]
    assert [{each["label"]: each["score"] for each in row} for row in answer] == [
        dict(zip(LABELS, scores, strict=True)) for scores in expected
    ]
    loaded = {Path(n).relative_to(unpacked_for_gpu / "code").as_posix() for n in called["loaded"]}
    assert loaded == {*MODULES, GPU_ENGINE}


def test_the_runtime_is_the_archive_s_own(unpacked: Path) -> None:
    runtime = unpacked / "code/packages/onnxruntime.py"
    runtime.write_text("raise ImportError('that of the archive')", encoding="utf-8")

    (answer,) = call(unpacked, [('{"inputs": "a"}', JSON)])["answers"]
    assert answer == "internal: the model cannot be used (that of the archive)"


def test_a_model_that_is_damaged_is_refused_with_every_request(unpacked: Path) -> None:
    (unpacked / "model.onnx").write_bytes(b"damaged")

    called = call(unpacked, [('{"inputs": "Profit rose"}', "application/json"), ("{", "x/y")])

    for answer in called["answers"]:
        assert answer.startswith("internal: the model cannot be used")
        assert "model.onnx" in answer
    assert "Traceback" in called["log"]


@pytest.fixture
def handler(monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """The module as Lambda imports it."""
    for name, value in LAMBDA_ENVIRONMENT.items():
        monkeypatch.setenv(name, value)
    import lambda_src.handler

    return importlib.reload(lambda_src.handler)


class _FailingEngine(Engine):
    """An engine that breaks over a request, and tells its text."""

    def classify(self, texts: Any) -> Any:
        raise ValueError(texts[0])


@pytest.mark.parametrize(
    ("request_of_the_toolkit", "said"),
    [
        (("{", JSON, "*/*"), "contract: the body is not JSON"),
        ((b"\xff", "application/octet-stream", "*/*"), "contract: the body is not UTF-8"),
        (('{"inputs": 7}', None, "*/*"), "contract: 'inputs' must be a text, not int"),
        (('{"inputs": "a"}', "text/csv", "*/*"), "contract: send application/json"),
        (('{"inputs": "a"}', JSON, "text/csv"), "contract: accept application/json"),
        ((" " * 6_300_000, JSON, "*/*"), "contract: the body is larger"),
        (('{"inputs": "secret"}', JSON, "*/*"), "internal: the model failed"),
    ],
)
def test_the_handler_takes_each_message_for_whose_fault_it_was(
    trained: Path,
    handler: ModuleType,
    caplog: pytest.LogCaptureFixture,
    request_of_the_toolkit: tuple[str | bytes, str | None, str],
    said: str,
) -> None:
    model = _FailingEngine(trained / "model")
    with pytest.raises((ValueError, RuntimeError)) as caught:
        transform_fn(model, *request_of_the_toolkit)
    message = str(caught.value)
    assert message.startswith(said)
    assert "secret" not in message + caplog.text

    document = {"code": 400, "type": "InternalServerException", "message": message}
    with Stubber(handler._client) as stub:  # noqa: SLF001 - the seam where AWS begins
        stub.add_client_error(
            "invoke_endpoint",
            "ModelError",
            modeled_fields={"OriginalStatusCode": 400, "OriginalMessage": json.dumps(document)},
        )
        event = {
            "rawPath": "/classify",
            "requestContext": {"http": {"method": "POST"}, "requestId": "1"},
            "body": '{"headline": "a"}',
        }
        answer = handler.handle(event, None)

    assert answer["statusCode"] == (502 if said.startswith("internal:") else 400)


class _Status:
    """The model server's context of a request."""

    code = 200

    def set_response_status(self, code: int, phrase: str) -> None:
        assert phrase
        self.code = code


@pytest.mark.parametrize("model", [_FailingEngine, Unusable])
def test_what_is_our_fault_is_500_so_that_an_alarm_can_tell_it_from_the_callers(
    trained: Path, model: type[Engine | Unusable]
) -> None:
    broken = Unusable("it is broken") if model is Unusable else _FailingEngine(trained / "model")
    ours, theirs = _Status(), _Status()
    answer = json.loads(transform_fn(broken, '{"inputs": "secret"}', JSON, JSON, ours))

    assert (ours.code, answer["code"]) == (500, 500)
    assert answer["message"].startswith("internal: ")
    assert "secret" not in answer["message"]
    engine = Engine(trained / "model")
    with pytest.raises(ValueError, match="contract: "):
        transform_fn(engine, "{", JSON, JSON, theirs)
    assert json.loads(transform_fn(engine, '{"inputs": "a"}', JSON, JSON, theirs))[0]
    assert theirs.code == 200


def test_a_missing_model_is_unusable_not_an_exception(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="internal: the model cannot be used"):
        transform_fn(model_fn(str(tmp_path)), '{"inputs": "a"}', None, "*/*")
