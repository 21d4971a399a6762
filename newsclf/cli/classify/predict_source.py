"""Classifier of a command: a deployment or a model directory."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from newsclf.cli.options import DEFAULT_DEPLOYMENT
from newsclf.common.errors import ModelError
from newsclf.deploy.store import Deployments
from newsclf.model.directory import CARD_FILE
from newsclf.predict.classifier import Classifier

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.settings import Settings


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
    if deployment is None and not use_model:
        found = Deployments(settings.state_dir).find(DEFAULT_DEPLOYMENT)
        deployment = None if found is None else found.name
    if deployment is not None:
        classifier = Classifier.connect(
            deployment, state_dir=settings.state_dir, header_file=header_file
        )
        source = classifier.source
        output.note(f"using the deployment {source.name} at {source.place}")
        return classifier
    try:
        classifier = Classifier.load(settings.model)
    except ModelError as error:
        if not (settings.model / CARD_FILE).exists():
            error.hint = _alternative(settings) or error.hint
        raise
    output.note(f"using the model in {_shown(settings.model)}")
    return classifier


def _alternative(settings: Settings) -> str | None:
    """Hint at a deployment, or at the model of the demo; None if there is neither."""
    demo = settings.state_dir / "demo" / "model"
    if names := Deployments(settings.state_dir).names():
        return f"use a deployment: --deployment {names[0]}; or newsclf train"
    if (demo / CARD_FILE).is_file():
        return f"use the model of the demo: --model {_shown(demo)}; or newsclf train"
    return None


def _shown(path: Path) -> str:
    """A path that is not mistaken for a deployment's name."""
    return str(path) if path.is_absolute() else f"./{path}"
