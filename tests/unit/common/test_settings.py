"""Settings: precedence, and errors that name the field and where it came from."""

from __future__ import annotations

import tomllib
from pathlib import Path

import pytest

from newsclf.common.errors import ConfigError
from newsclf.common.settings import Settings, load_settings, shipped_config


def test_defaults_are_the_documented_ones() -> None:
    document = tomllib.loads(shipped_config("default.toml").read_text(encoding="utf-8"))

    assert Settings.model_validate(document) == Settings()


def test_default_file_names_every_setting() -> None:
    text = shipped_config("default.toml").read_text(encoding="utf-8")

    for section in ("data", "train", "optimize"):
        fields = Settings.model_fields[section].annotation.model_fields  # type: ignore[union-attr]
        for field in fields:
            forms = (f"\n{field} =", f"\n# {field} =", f"\n[{section}.{field}]")
            assert any(form in text for form in forms), f"{section}.{field}"


def test_flag_beats_environment_beats_file_beats_default(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("[train]\nepochs = 2\nbatch_size = 2\nseed = 2\n", encoding="utf-8")

    settings = load_settings(
        file,
        environ={"NEWSCLF_TRAIN_BATCH_SIZE": "3", "NEWSCLF_TRAIN_SEED": "3", "PATH": "/bin"},
        flags={"train": {"seed": 4, "epochs": None}},
    )

    assert (settings.train.epochs, settings.train.batch_size, settings.train.seed) == (2, 3, 4)
    assert settings.train.ema_decay == Settings().train.ema_decay


def test_labels_of_a_flag_add_to_those_of_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text('[data.labels]\nbad = "negative"\n', encoding="utf-8")

    settings = load_settings(file, environ={}, flags={"data": {"labels": {"good": "positive"}}})

    assert settings.data.labels == {"bad": "negative", "good": "positive"}


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[train]\nepochs = 0\n", "train.epochs = 0 in {file}: at least 1"),
        ("[train]\nepoch = 3\n", "train.epoch in {file}: not a setting; did you mean epochs?"),
        ("[trian]\nepochs = 3\n", "trian in {file}: not a setting; did you mean train?"),
        ("[data.labels]\nup = 'positiv'\n", "data.labels.up = positiv in {file}: not a class"),
        ("[train]\nepochs = 'x'\n", "train.epochs = x in {file}: not a whole number"),
        ("[data]\nagreement = 80\n", "data.agreement = 80 in {file}: not one of 50, 66, 75"),
        ("train = 3\n", "train = 3 in {file}: not a table"),
        ("[labelled]\nweight = true\n", "labelled.weight = True in {file}: not a number"),
        (f"[train]\nthreads = {10**30}\n", "in {file}: at most 1024"),
        (f"[train]\nbatch_size = {10**30}\n", "in {file}: at most 100000"),
        ("[train]\nepochs = true\n", "train.epochs = True in {file}: not a number"),
        ("[train]\nweight_decay = inf\n", "train.weight_decay = inf in {file}: not a finite"),
        ("[train.agreement_smoothing]\n100 = false\n", "100 = False in {file}: not a number"),
        ("[train\n", "{file}: "),
    ],
)
def test_a_bad_file_is_an_error_with_the_field(tmp_path: Path, text: str, said: str) -> None:
    file = tmp_path / "settings.toml"
    file.write_text(text, encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load_settings(file, environ={})

    assert said.format(file=file) in caught.value.message


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="no such settings file"):
        load_settings(tmp_path / "none.toml", environ={})


def test_a_misspelt_variable_is_an_error() -> None:
    with pytest.raises(ConfigError, match="NEWSCLF_TRAIN_EPOCH does not name a setting"):
        load_settings(None, environ={"NEWSCLF_TRAIN_EPOCH": "3"})


def test_a_bad_variable_says_that_it_is_the_environment() -> None:
    with pytest.raises(ConfigError, match=r"^NEWSCLF_TRAIN_EPOCHS=many: not a whole number"):
        load_settings(None, environ={"NEWSCLF_TRAIN_EPOCHS": "many"})


@pytest.mark.parametrize(
    ("flags", "said"),
    [
        ({"train": {"epochs": 0}}, "--epochs 0: at least 1"),
        ({"train": {"learning_rate": -1.0}}, "--learning-rate -1.0: must be more than 0"),
        ({"train": {"device": "tpu"}}, "--device tpu: not one of 'auto', 'cpu', 'cuda' or 'mps'"),
        (
            {"model": Path("m\udcff")},
            "--model m\udcff: a name that is not UTF-8 cannot be recorded; rename it",
        ),
        (
            {"state_dir": "a\0"},
            "--state-dir a\0: a name that is not UTF-8 cannot be recorded; rename it",
        ),
        ({"data": {"source": 3}}, "--data 3: not a text"),
        ({"data": {"labels": {"good": 1}}}, "--label good=1: not a text"),
    ],
)
def test_a_bad_option_is_called_as_it_was_given(flags: dict[str, object], said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, environ={}, flags=flags)

    assert caught.value.message == said


def test_every_kind_of_field_can_come_from_the_environment() -> None:
    settings = load_settings(
        None,
        environ={
            "NEWSCLF_DATA_AGREEMENT": "100",
            "NEWSCLF_DATA_LABELS": '{ bearish = "negative" }',
            "NEWSCLF_TRAIN_AGREEMENT_SMOOTHING": "{ 100 = 0.5 }",
            "NEWSCLF_TRAIN_LEARNING_RATE": "1e-3",
            "NEWSCLF_MODEL": "elsewhere",
        },
    )

    assert settings.data.agreement == 100
    assert settings.data.labels == {"bearish": "negative"}
    assert settings.train.agreement_smoothing == {100: 0.5}
    assert settings.train.learning_rate == 1e-3
    assert settings.model == Path("elsewhere")


def test_flags_that_were_not_given_hide_no_mistake_in_the_file(tmp_path: Path) -> None:
    file = tmp_path / "settings.toml"
    file.write_text("train = 3\n", encoding="utf-8")

    with pytest.raises(ConfigError, match=r"^train = 3 in .*: not a table"):
        load_settings(file, environ={}, flags={"model": None, "train": {"epochs": None}})


def test_a_label_for_no_class_is_named_by_its_flag() -> None:
    with pytest.raises(ConfigError) as caught:
        load_settings(None, environ={}, flags={"data": {"labels": {"bearish": "negativ"}}})

    said = "--label bearish=negativ: not a class; did you mean negative?"
    assert caught.value.message == said
