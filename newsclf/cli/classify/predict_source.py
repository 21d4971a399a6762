"""Classifier of `newsclf predict`: a deployment or a model directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.cli.options import DEFAULT_DEPLOYMENT
from newsclf.common.errors import ModelError
from newsclf.deploy.records import Deployment
from newsclf.deploy.store import Deployments
from newsclf.predict.run import Classify, open_model

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings


@dataclass(frozen=True, slots=True)
class Classifier:
    """Something that classifies headlines."""

    classify: Classify
    source: dict[str, str]
    """`kind` (model or deployment), `name` and `digest` of the model, for --json."""
    count_truncated: Callable[[Sequence[str]], int] = lambda _: 0
    """How many headlines are longer than the model reads; a deployment does not tell."""
    text_column: str | None = None
    """Text column of the model's training data."""


def find_classifier(
    output: Output,
    settings: Settings,
    *,
    deployment: str | None,
    header_file: Path | None,
    use_model: bool,
) -> Classifier:
    """Find the classifier, and tell the user which it is.

    A deployment that the user names must exist: nothing else may answer in its place. By default it
    is the deployment `news` if it exists, else the model directory.

    Args:
        output: Where to show it.
        settings: With the state directory and the model.
        deployment: The name that the user gave.
        header_file: Headers that the API of a deployment requires.
        use_model: Ask no deployment.

    Raises:
        StateError: There is no such deployment, or it is down.
        ModelError: There is no usable model.
    """
    recorded = Deployments(settings.state_dir)
    if deployment is not None:
        return _deployed(output, recorded.get(deployment), header_file, settings.state_dir)
    found = None if use_model else recorded.find(DEFAULT_DEPLOYMENT)
    if found is not None:
        return _deployed(output, found, header_file, settings.state_dir)
    from newsclf.model.card import read_card

    try:
        folder, card = read_card(settings.model)
    except ModelError as error:
        raise _with_others(error, settings) from error
    engine = open_model(folder, card)
    output.note(f"using the model in {_shown(settings.model)}")
    source = {"kind": "model", "name": str(settings.model), "digest": card.digest}
    return Classifier(engine.classify, source, engine.truncated, card.data.settings.text_column)


def _deployed(
    output: Output, found: Deployment, header_file: Path | None, state_dir: Path
) -> Classifier:
    from newsclf.deploy.client import classify
    from newsclf.deploy.target import read_headers, target_of

    headers = read_headers(header_file)
    address = target_of(found, state_dir).address(found, headers=headers)
    output.note(f"asking the deployment {found.name} at {address.url}")
    source = {"kind": "deployment", "name": found.name, "digest": found.model_digest}
    return Classifier(lambda texts: classify(address, texts), source)


def _with_others(error: ModelError, settings: Settings) -> ModelError:
    """The error with a hint at other deployments, or at the model of the demo."""
    demo = settings.state_dir / "demo" / "model"
    if names := Deployments(settings.state_dir).names():
        hint = f"ask a deployment: --deployment {names[0]}"
    elif (demo / "card.json").is_file():
        hint = f"use the model of the demo: --model {_shown(demo)}"
    else:
        return error
    return ModelError(error.message, hint=f"{hint}; or newsclf train")


def _shown(path: Path) -> str:
    """A path that cannot be mistaken for a name."""
    return str(path) if path.is_absolute() else f"./{path}"
