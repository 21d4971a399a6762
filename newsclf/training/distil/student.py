"""The network of a student: some layers of a base, which start with the base's weights."""

from __future__ import annotations

import copy
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import (
    AutoModelForSequenceClassification,
    PretrainedConfig,
    PreTrainedModel,
    PreTrainedTokenizerBase,
)

from newsclf.common.errors import ConfigError
from newsclf.common.settings import TrainSettings, student_size
from newsclf.model.card import CardStudent
from newsclf.training.base import Base
from newsclf.training.classifier import load_base


@dataclass(frozen=True, slots=True)
class Start:
    """What a training starts from."""

    model: PreTrainedModel
    tokenizer: PreTrainedTokenizerBase
    student: CardStudent | None
    """What was kept of the base; None for all of it."""


def load_start(base: Base, settings: TrainSettings) -> Start:
    """Load a base with a new head; with `settings.student`, only so many of its layers.

    Raises:
        ConfigError: the base has fewer layers or another width.
        ModelError: the base can't be loaded.
    """
    model, tokenizer = load_base(base, max_tokens=settings.max_tokens)
    if settings.student is None:
        return Start(model, tokenizer, None)
    layers, width = student_size(settings.student)
    _check_size(base, model.config, layers, width)
    kept = kept_layers(layers, model.config.num_hidden_layers)
    student = CardStudent(layers=kept, base_layers=model.config.num_hidden_layers, width=width)
    return Start(_with_layers(base, model, kept), tokenizer, student)


def kept_layers(count: int, of: int) -> list[int]:
    """Which layers a student keeps: the first, the last, and others at even distances.

    The first reads the embeddings and the last is what a head reads; decision 0083 has the
    measurement.
    """
    if count == 1:
        return [0]
    return [round(i * (of - 1) / (count - 1)) for i in range(count)]


def _check_size(base: Base, config: PretrainedConfig, layers: int, width: int) -> None:
    """Raise ConfigError unless a base has layers and width for a student of this size."""
    has_layers = getattr(config, "num_hidden_layers", 0)
    has_width = getattr(config, "hidden_size", 0)
    wanted = f"--student {layers}x{width}: {base.name} "
    if width != has_width:
        raise ConfigError(
            f"{wanted}is {has_width} wide, and layers of another width could not start with its"
            " weights",
            hint=f"--student {min(layers, has_layers)}x{has_width}, or name a pretrained base that"
            f" is {width} wide: --student-base of newsclf optimize, --base of newsclf train",
        )
    if layers > has_layers:
        raise ConfigError(
            f"{wanted}has only {has_layers} layers",
            hint=f"--student {has_layers}x{width} keeps all of them, fewer make it faster",
        )


def _with_layers(base: Base, model: PreTrainedModel, kept: list[int]) -> PreTrainedModel:
    """A model of the same architecture with some layers of another one, renumbered.

    It is made from a configuration, as it will be when it is loaded, so that a base whose layers
    differ in kind fails here.

    Raises:
        ConfigError: the base isn't a stack of layers with weights of their own.
    """
    has = model.config.num_hidden_layers
    config = copy.deepcopy(model.config)
    for name, value in vars(config).items():
        if isinstance(value, list) and len(value) == has:  # such as the kind of each layer
            setattr(config, name, [value[i] for i in kept])
    config.num_hidden_layers = len(kept)
    try:
        student: PreTrainedModel = AutoModelForSequenceClassification.from_config(
            config, dtype=torch.float32
        )
        student.load_state_dict(_renumbered(model, has, kept))
    except (RuntimeError, ValueError, KeyError) as error:
        raise ConfigError(
            f"{base.name}: {len(kept)} of its {has} layers can't be a model of their own"
            f" ({str(error).splitlines()[0]})",
            hint="name another base, such as minilm: --student-base of newsclf optimize, --base of"
            " newsclf train",
        ) from error
    return student


def _renumbered(model: PreTrainedModel, layers: int, kept: list[int]) -> Mapping[str, torch.Tensor]:
    """The weights of a model with only some of its layers, numbered from 0.

    Raises:
        ValueError: no list of modules has the number of layers.
    """
    stacks = [
        name
        for name, module in model.named_modules()
        if isinstance(module, torch.nn.ModuleList) and len(module) == layers
    ]
    if not stacks:
        raise ValueError("its layers are not a list")
    place = re.compile(rf"({re.escape(min(stacks, key=len))}\.)(\d+)(\..*)")
    number = {str(old): str(new) for new, old in enumerate(kept)}
    found: dict[str, Any] = {}
    for name, tensor in model.state_dict().items():
        if (match := place.fullmatch(name)) is None:
            found[name] = tensor
        elif match[2] in number:
            found[f"{match[1]}{number[match[2]]}{match[3]}"] = tensor
    return found
