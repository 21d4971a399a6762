"""Classifier of `newsclf predict`: a deployment or a model directory."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.cli.options import DEFAULT_DEPLOYMENT
from newsclf.common.errors import ModelError
from newsclf.deploy.store import Deployments
from newsclf.predict.answer import Classify
from newsclf.predict.run import open_model

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings


@dataclass(frozen=True, slots=True)
class Classifier:
    """A model or a deployment that classifies headlines."""

    classify: Classify
    source: dict[str, str]
    """`kind` (model or deployment), `name` and `digest` of the model, for --json."""
    count_truncated: Callable[[Sequence[str]], int] = lambda _: 0
    """Count the headlines that are longer than the model reads; 0 for a deployment."""
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

    A named deployment must exist: nothing else may classify in its place. The default is the
    deployment `news` if it exists, else the model directory.

    Args:
        output: Gets a note that names the classifier.
        settings: With the state directory and the model.
        deployment: Name of a deployment.
        header_file: Headers that the API of a deployment requires.
        use_model: Use the model directory without looking for a deployment.

    Raises:
        StateError: There is no such deployment, or it is down.
        ModelError: There is no usable model.
    """
    recorded = Deployments(settings.state_dir)
    found = recorded.get(deployment) if deployment is not None else None
    if found is None and not use_model:
        found = recorded.find(DEFAULT_DEPLOYMENT)
    if found is not None:
        from newsclf.deploy.client import classify
        from newsclf.deploy.target import read_headers, target_of

        headers = read_headers(header_file)
        address = target_of(found, settings.state_dir).address(found, headers=headers)
        output.note(f"using the deployment {found.name} at {address.url}")
        source = {"kind": "deployment", "name": found.name, "digest": found.model_digest}
        return Classifier(partial(classify, address), source)
    from newsclf.model.card import read_card

    try:
        folder, card = read_card(settings.model)
    except ModelError as error:
        raise _with_alternative(error, settings) from error
    engine = open_model(folder, card)
    output.note(f"using the model in {_shown(settings.model)}")
    source = {"kind": "model", "name": str(settings.model), "digest": card.digest}
    return Classifier(engine.classify, source, engine.truncated, card.data.settings.text_column)


def _with_alternative(error: ModelError, settings: Settings) -> ModelError:
    """Add a hint at another deployment, or at the model of the demo, to an error."""
    demo = settings.state_dir / "demo" / "model"
    if names := Deployments(settings.state_dir).names():
        error.hint = f"use a deployment: --deployment {names[0]}; or newsclf train"
    elif (demo / "card.json").is_file():
        error.hint = f"use the model of the demo: --model {_shown(demo)}; or newsclf train"
    return error


def _shown(path: Path) -> str:
    """A path that is not mistaken for a deployment's name."""
    return str(path) if path.is_absolute() else f"./{path}"
