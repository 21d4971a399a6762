"""Builders of the small things that tests need: a base model, a PhraseBank zip, a data file."""

from __future__ import annotations

import base64
import csv
import hashlib
import json
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from newsclf.common.settings import DataSettings, TrainSettings
from newsclf.contract.labels import LABELS
from newsclf.data import headlines
from newsclf.model.card import CardBase, CardData, ModelCard, Score, write_card

REAL_PHRASEBANK = Path(__file__).parents[3] / "shared" / "data" / "FinancialPhraseBank-v1.0.zip"
needs_phrasebank = pytest.mark.skipif(
    not REAL_PHRASEBANK.is_file(), reason="needs PhraseBank's zip in ../shared/data"
)
"""The real data, where a checkout lies beside it; its licence forbids shipping it."""
LAMBDA_ENVIRONMENT = {
    "AWS_REGION": "eu-west-1",
    "AWS_DEFAULT_REGION": "eu-west-1",
    "AWS_ACCESS_KEY_ID": "test",
    "AWS_SECRET_ACCESS_KEY": "test",
    "ENDPOINT_NAME": "news",
    "MODEL_DIGEST": "abc",
}
"""What the handler finds around it."""
EXTRAS = [
    "torch",
    "transformers",
    "datasets",
    "sklearn",
    "scipy",
    "jinja2",
    "onnx",
    "pyarrow",
    "safetensors",
    "openpyxl",
]
"""Import names of what is not in the base install."""
CARD_SCORE = Score(
    rows=50, accuracy=0.9, accuracy_interval=(0.8, 0.95), macro_f1=0.88, runtime="float"
)
_MEMBERS = {
    50: "Sentences_50Agree.txt",
    66: "Sentences_66Agree.txt",
    75: "Sentences_75Agree.txt",
    100: "Sentences_AllAgree.txt",
}


def sample_rows() -> list[tuple[str, str]]:
    """(headline, label) of the shipped sample."""
    return [(row["text"], row["label"]) for row in headlines.sample_rows()]


_SMALL: dict[str, Any] = {
    "hidden_size": 64,
    "intermediate_size": 128,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
    "pad_token_id": 0,
}
ARCHITECTURES: dict[str, dict[str, Any]] = {
    "distilbert": {
        "dim": 64,
        "hidden_dim": 128,
        "n_layers": 2,
        "n_heads": 4,
        "max_position_embeddings": 128,
    },
    "bert": _SMALL,
    "roberta": _SMALL,
    "xlm-roberta": _SMALL,
    "mpnet": _SMALL,
    "electra": _SMALL | {"embedding_size": 32},
    "albert": _SMALL | {"embedding_size": 32},
    "deberta-v2": _SMALL
    | {
        "relative_attention": True,
        "pos_att_type": ["p2c", "c2p"],
        "position_buckets": 32,
        "norm_rel_ebd": "layer_norm",
        "share_att_key": True,
        "position_biased_input": False,
        "type_vocab_size": 0,
    },
    "modernbert": _SMALL
    | {"bos_token_id": 2, "cls_token_id": 2, "eos_token_id": 3, "sep_token_id": 3},
    "fnet": _SMALL,
    "t5": _SMALL,
}
"""Configurations of small encoders; the last two can't be exported, or trained as we train."""
ENCODERS = tuple(name for name in ARCHITECTURES if name not in {"fnet", "t5"})
"""Architectures that can be trained."""


def _vocabulary(size: int = 1500) -> dict[str, int]:
    """Letters, and the most frequent words of the sample, each with its id.

    It is not trained, because a trained WordPiece has other ids, and a tiny model with it other
    answers, in each run.
    """
    from tokenizers import BertWordPieceTokenizer

    plain = BertWordPieceTokenizer()
    words: Counter[str] = Counter()
    for text, _ in sample_rows():
        normal = plain.normalizer.normalize_str(text)
        words.update(word for word, _ in plain.pre_tokenizer.pre_tokenize_str(normal))
    letters = sorted({letter for word in words for letter in word})
    pieces = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    pieces += [*letters, *(f"##{letter}" for letter in letters)]
    pieces += sorted(words.keys() - set(letters), key=lambda word: (-words[word], word))
    return {piece: number for number, piece in enumerate(pieces[:size])}


def build_tiny_base(folder: Path, architecture: str = "distilbert") -> Path:
    """Write a two-layer encoder with random weights and a WordPiece tokenizer."""
    import torch
    from tokenizers import BertWordPieceTokenizer
    from transformers import AutoConfig, AutoModel, BertTokenizer

    folder.mkdir(parents=True)
    BertWordPieceTokenizer(_vocabulary()).save_model(str(folder))
    tokenizer = BertTokenizer.from_pretrained(folder)
    tokenizer.model_input_names = ["input_ids", "attention_mask"]
    torch.manual_seed(0)
    config = AutoConfig.for_model(
        architecture, vocab_size=len(tokenizer), **ARCHITECTURES[architecture]
    )
    AutoModel.from_config(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


def build_serving_model(folder: Path, *, max_tokens: int = 64) -> Path:
    """Write what the engine reads, without training: the score of a text is that of its tokens.

    A token whose id leaves the remainder i by 3 speaks for class i.
    """
    from tokenizers import BertWordPieceTokenizer

    folder.mkdir(parents=True)
    wordpiece = BertWordPieceTokenizer(_vocabulary())
    wordpiece.save(str(folder / "tokenizer.json"))
    write_json(folder / "tokenizer_config.json", {"model_max_length": max_tokens})
    write_json(folder / "config.json", {"id2label": dict(enumerate(LABELS))})
    weights = np.eye(3, dtype=np.float32)[np.arange(wordpiece.get_vocab_size()) % 3]
    save_onnx(folder / "model.onnx", weights)
    list_files(folder)
    return folder


def save_onnx(path: Path, weights: NDArray[np.float32], **options: Any) -> None:
    """Write a model whose logits are the mean of its tokens' rows of weights."""
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    ids, mask = (
        helper.make_tensor_value_info(name, TensorProto.INT64, [1, "tokens"])
        for name in ("input_ids", "attention_mask")
    )
    logits = helper.make_tensor_value_info("logits", TensorProto.FLOAT, None)
    nodes = [
        helper.make_node("Gather", ["weights", "input_ids"], ["rows"]),
        helper.make_node("ReduceMean", ["rows", "axis"], ["logits"], keepdims=0),
    ]
    tensors = [
        numpy_helper.from_array(weights, "weights"),
        numpy_helper.from_array(np.array([1]), "axis"),
    ]
    graph = helper.make_graph(nodes, "test", [ids, mask], [logits], tensors)
    opsets = [helper.make_opsetid("", 18)]
    model = helper.make_model(graph, opset_imports=opsets, ir_version=9)
    onnx.save_model(model, str(path), **options)


def build_card(**changes: object) -> ModelCard:
    """A model's card; `changes` are fields of it."""
    counts = {"negative": 1, "neutral": 2, "positive": 3}
    return ModelCard(
        created="2026-01-02T03:04:05+00:00",
        base=CardBase(name="tiny", revision="local"),
        data=CardData(
            name="sample",
            digest="ab",
            licence=None,
            settings=DataSettings(),
            train=counts,
            validation=counts,
            test=counts,
        ),
        training=TrainSettings(),
        learning_rate=2e-4,
        kept_epoch=3,
        epochs_run=4,
        device="cpu",
        history=[],
        validation=CARD_SCORE,
        versions={"newsclf": "1"},
    ).model_copy(update=changes)


def list_files(folder: Path) -> None:
    """Write the card of a model directory anew, with the digests of its files."""
    names = ("config.json", "tokenizer.json", "tokenizer_config.json", "model.onnx")
    digests = {name: hashlib.sha256((folder / name).read_bytes()).hexdigest() for name in names}
    write_card(folder, build_card(files=digests))


def write_json(path: Path, document: object) -> None:
    """Write a document as JSON."""
    path.write_text(json.dumps(document), encoding="utf-8")


def build_phrasebank(path: Path, levels: Mapping[int, Sequence[tuple[str, str]]]) -> Path:
    """Write a zip of PhraseBank's shape; rows of each level are `sentence@label` lines."""
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("__MACOSX/FinancialPhraseBank-v1.0/._README.txt", b"\x00\x05")
        for level, name in _MEMBERS.items():
            text = "".join(f"{sentence}@{label}\r\n" for sentence, label in levels[level])
            archive.writestr(f"FinancialPhraseBank-v1.0/{name}", text.encode("latin-1"))
    return path


def sample_as_phrasebank(path: Path) -> Path:
    """A PhraseBank zip of the sample's headlines, one word longer than shipped.

    A fifth of them is below each agreement level.
    """
    rows = [
        (f"{text} again", label)
        for text, label in sample_rows()
        if text == text.encode("latin-1", "ignore").decode("latin-1")
    ]
    step = len(rows) // 8
    return build_phrasebank(
        path, {50: rows, 66: rows[step:], 75: rows[2 * step :], 100: rows[4 * step :]}
    )


def write_csv(path: Path, rows: Sequence[Sequence[str]]) -> Path:
    """Write rows, the header first."""
    with path.open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows(rows)
    return path


def build_wheels(folder: Path, *pins: str) -> Path:
    """Write an empty but valid wheel for each `name==version`; returns the file of their hashes."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = []
    for pin in pins:
        name, _, version = pin.partition("==")
        info = f"{name}-{version}.dist-info"
        files = {
            f"{name}/__init__.py": "",
            f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
            f"{info}/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        }
        record = "".join(
            f"{path},sha256={_urlsafe_sha256(text)},{len(text)}\n" for path, text in files.items()
        )
        wheel = folder / f"{name}-{version}-py3-none-any.whl"
        with zipfile.ZipFile(wheel, "w") as archive:
            for path, text in (files | {f"{info}/RECORD": f"{record}{info}/RECORD,,\n"}).items():
                archive.writestr(path, text)
        digest = hashlib.sha256(wheel.read_bytes()).hexdigest()
        lines.append(f"{pin} --hash=sha256:{digest}\n")
    requirements = folder / "requirements.txt"
    requirements.write_text("".join(lines), encoding="utf-8")
    return requirements


def build_archive(folder: Path, model: Path, version: str = "1.2.3") -> Path:
    """Pack a model with an empty wheel of this version of ONNX Runtime; returns the archive."""
    from newsclf.deploy.package.build import PackageRequest, package

    pins = build_wheels(folder / f"wheels-{version}", f"onnxruntime=={version}")
    request = PackageRequest(
        model=model,
        out=folder / f"{version}.tar.gz",
        cache=folder,
        wheels=pins.parent,
        requirements=pins,
    )
    return package(request).path


def _urlsafe_sha256(text: str) -> str:
    digest = hashlib.sha256(text.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
