"""The catalogue of public test sets: where each is from, its licence, and how its labels are read.

`configs/unseen.toml` ships with the package and shows the form.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from newsclf.common.errors import ConfigError
from newsclf.common.records import StrictRecord, from_toml, read_record
from newsclf.common.settings import shipped_config
from newsclf.common.suggestions import did_you_mean

CATALOGUE_FILE = "unseen.toml"
Label = Literal["negative", "neutral", "positive"]
Format = Literal["finentity", "tfns", "sentfin", "semeval", "fiqa", "gold"]
MEAN = "unseen"
"""The name, in gates, of the mean over the sets."""
_SCORED = ("semeval", "fiqa")
"""Formats with scores instead of labels."""
Name = Annotated[str, Field(pattern="^[a-z][a-z0-9-]*$")]
_Words = Annotated[str, Field(min_length=1)]


class SetFile(StrictRecord):
    """A file of a set, in its repository."""

    path: _Words
    bytes: Annotated[int, Field(gt=0, lt=64 << 20)]
    sha256: Annotated[str, Field(pattern="^[0-9a-f]{64}$")]

    @property
    def file_name(self) -> str:
        """Its name without the folders."""
        return self.path.rpartition("/")[2]


class UnseenSet(StrictRecord):
    """A public test set."""

    name: Name
    """What --on calls it."""
    title: _Words
    kind: _Words
    """What its texts are."""
    use: Literal["development", "sealed"]
    """Whether it may be used to choose a model, or only to report on the one chosen."""
    format: Format
    repository: Annotated[str, Field(pattern=r"^[\w.-]+/[\w.-]+$")]
    """On GitHub."""
    commit: Annotated[str, Field(pattern="^[0-9a-f]{40}$")]
    licence: _Words
    citation: _Words
    mapping: _Words
    """How its labels become ours, in words."""
    labels: dict[str, Label] = Field(default_factory=dict)
    """The set's own label → ours."""
    neutral_within: Annotated[float, Field(ge=0, lt=1)] | None = None
    """For sets with scores: those up to this far from zero are neutral."""
    left_out: tuple[str, ...] = ()
    """Labels of rows that are not scored."""
    overlaps: dict[Name, Annotated[int, Field(gt=0)]] = Field(default_factory=dict)
    """Another set → how many headlines the two share."""
    files: Annotated[tuple[SetFile, ...], Field(min_length=1)]

    def shared_with(self, other: UnseenSet) -> int:
        """How many headlines this set is known to share with another."""
        return self.overlaps.get(other.name, 0) or other.overlaps.get(self.name, 0)

    @model_validator(mode="after")
    def _check_labels(self) -> Self:
        if (self.format in _SCORED) != (self.neutral_within is not None):
            raise ValueError(f"neutral_within is needed for {' and '.join(_SCORED)}, and no others")
        if (self.format in _SCORED) == bool(self.labels):
            raise ValueError(f"labels are needed, except for {' and '.join(_SCORED)}")
        return self


class Exposure(StrictRecord):
    """A public model that is known to have been trained on a set."""

    base: _Words
    """Its id on the Hugging Face Hub."""
    set: Name


class Catalogue(StrictRecord):
    """Public test sets, and models that have seen one of them."""

    schema_version: Literal[1]
    host: Annotated[str, Field(pattern="^https?://")]
    """Serves the files of GitHub repositories as HOST/REPOSITORY/COMMIT/PATH."""
    sets: Annotated[tuple[UnseenSet, ...], Field(min_length=1)]
    exposures: tuple[Exposure, ...] = ()

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        names = [each.name for each in self.sets]
        if len(set(names)) < len(names):
            raise ValueError("two sets have the same name")
        if MEAN in names:
            raise ValueError(f"'{MEAN}' is the name of the mean over the sets")
        return self

    def url(self, unseen: UnseenSet, file: SetFile) -> str:
        """Where a file is downloaded from."""
        return f"{self.host}/{unseen.repository}/{unseen.commit}/{file.path}"

    def choose(self, names: Sequence[str]) -> list[UnseenSet]:
        """The sets of these names, in the order of the catalogue.

        Raises:
            ConfigError: A name is unknown, or missing.
        """
        known = {each.name: each for each in self.sets}
        for name in names:
            if name not in known:
                raise ConfigError(
                    f"--on {name}: no such test set",
                    hint=did_you_mean(name, known) or f"sets: {', '.join(known)}",
                )
        if not names:
            raise ConfigError("--on: names no test set", hint=f"sets: {', '.join(known)}")
        return [each for each in self.sets if each.name in names]

    def has_seen(self, base: str, name: str) -> bool:
        """Whether a base model is known to have been trained on a set, or on `phrasebank`."""
        pairs = ((each.base.casefold(), each.set) for each in self.exposures)
        return (base.casefold(), name) in pairs


def read_catalogue(path: Path | None = None) -> Catalogue:
    """Read a catalogue; without a path, the one that ships with the package.

    Raises:
        ConfigError: The file is missing or has another form.
    """
    return read_record(
        path or shipped_config(CATALOGUE_FILE),
        partial(from_toml, Catalogue),
        error=ConfigError,
        hint=f"{shipped_config(CATALOGUE_FILE)} shows the form",
        follow=True,
    )
