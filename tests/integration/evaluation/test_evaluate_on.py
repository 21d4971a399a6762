"""`newsclf evaluate --on`: from files of test sets to scores, gates and a page."""

from __future__ import annotations

import json
import shutil
import statistics
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from newsclf.data.examples import Example
from newsclf.model.card import CardBase, CardDistillation, read_card
from tests.conftest import Cli
from tests.support.builders import build_card, write_json
from tests.support.unseen_builders import CONTENTS, build_model, entry, write_catalogue, write_sets


@pytest.fixture
def on(newsclf: Cli) -> Cli:
    """Evaluate `model` on these small sets, whose files lie in `sets`."""
    build_model(Path("model"))
    write_sets(Path("sets"))
    write_catalogue(Path("sets.toml"))

    def run(names: str, *arguments: object) -> Any:
        given = ("--on", names, "--sets", "sets", "--catalogue", "sets.toml", *arguments)
        return newsclf("evaluate", *given)

    return run


def report_of(folder: str = "model/evaluation-unseen") -> dict[str, Any]:
    document: dict[str, Any] = json.loads((Path(folder) / "report.json").read_text("utf-8"))
    return document


def test_every_set_is_scored_and_all_stand_in_one_report(on: Cli) -> None:
    result = on(",".join(CONTENTS))

    assert result.exit_code == 0, result.err
    report = report_of()
    assert [each["name"] for each in report["sets"]] == list(CONTENTS)
    for each in report["sets"]:
        matrix = each["confusion"]
        rows = sum(map(sum, matrix))
        accuracy = each["measures"]["accuracy"]
        assert accuracy["value"] == pytest.approx(sum(matrix[i][i] for i in range(3)) / rows)
        assert accuracy["low"] <= accuracy["value"] <= accuracy["high"]
        assert each["licence"] == "CC0"
    assert "finentity" in result.out
    assert "sentfin*" in result.out
    assert "labelled differently" in result.out
    page = Path("model/evaluation-unseen/report.html").read_text("utf-8")
    # side by side; a matrix and reliability each; risk and coverage of the two for development
    assert page.count("<svg") == 1 + 2 * len(CONTENTS) + 2


def test_the_page_loads_nothing_and_its_tags_are_closed(on: Cli) -> None:
    on("finentity,semeval")
    page = Path("model/evaluation-unseen/report.html").read_text("utf-8")

    class Tags(HTMLParser):
        def __init__(self) -> None:
            super().__init__()
            self.open: list[str] = []

        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            assert not {"src", "href"} & {name for name, _ in attrs}
            if tag not in ("meta", "br"):
                self.open.append(tag)

        def handle_endtag(self, tag: str) -> None:
            assert self.open.pop() == tag

    tags = Tags()
    tags.feed(page)
    assert tags.open == []


def test_sealed_sets_are_announced_and_show_no_errors(on: Cli) -> None:
    result = on("tfns,semeval")

    assert "The semeval set is sealed: read to report, not to choose" in result.err
    assert "The tfns set is sealed" not in result.err
    tfns, semeval = report_of()["sets"]
    assert tfns["errors"]
    assert semeval["errors"] == []
    assert tfns["risk_coverage"]["points"][-1]["coverage"] == 1
    assert semeval["risk_coverage"] is None
    page = Path("model/evaluation-unseen/report.html").read_text("utf-8")
    assert "The semeval set is sealed: read to report, not to choose." in page
    assert "Dunmore slips" not in page
    assert page.count(">answered at 95 %<") == 1
    assert 'id="risk-tfns' in page
    assert 'id="risk-semeval' not in page
    assert page.count("Somebody 2026") == page.count("CC0") == 2  # of each set, whom to cite


def test_a_set_that_shares_headlines_with_another_is_left_out_of_the_mean(on: Cli) -> None:
    result = on("tfns,semeval,fiqa")

    report = report_of()
    f1 = {each["name"]: each["measures"]["macro_f1"]["value"] for each in report["sets"]}
    assert report["mean"]["macro_f1"]["value"] == pytest.approx((f1["tfns"] + f1["semeval"]) / 2)
    assert (
        "The fiqa set shares 1 headline with semeval, so it is not part of the mean" in result.out
    )

    on("tfns,fiqa")  # without the other set it counts
    report = report_of()
    assert report["mean"]["macro_f1"]["value"] == pytest.approx((f1["tfns"] + f1["fiqa"]) / 2)


def test_of_sets_that_share_headlines_the_first_counts_whichever_says_so(on: Cli) -> None:
    entries = [entry("fiqa", overlaps={"semeval": 1}), entry("semeval", overlaps={"fiqa": 1})]
    write_catalogue(Path("sets.toml"), *entries)

    on("fiqa,semeval")

    assert [each["in_mean"] for each in report_of()["sets"]] == [True, False]


def test_conflicting_headlines_are_answered_but_not_scored(on: Cli) -> None:
    on("finentity")

    [found] = report_of()["sets"]
    assert found["conflicting"]["headlines"] == sum(found["conflicting"]["answers"].values()) == 1
    assert sum(map(sum, found["confusion"])) == 4


def test_headlines_that_the_model_was_trained_on_are_counted_and_left_out(on: Cli) -> None:
    shutil.rmtree("model")
    seen = [Example("Brolly plc warns on profit, and cuts its DIVIDEND!", 0)]
    build_model(Path("model"), seen=seen)

    result = on("finentity")

    assert "1 of 4 rows were trained or validated on and are left out" in result.out
    assert sum(map(sum, report_of()["sets"][0]["confusion"])) == 3

    on("finentity", "--include-seen")
    assert sum(map(sum, report_of()["sets"][0]["confusion"])) == 4


def test_two_models_are_compared_on_each_set(on: Cli) -> None:
    build_model(Path("other"))

    result = on("finentity,semeval", "--compare", "other")

    assert result.exit_code == 0, result.err
    finentity, semeval = report_of()["sets"]
    for each in (finentity, semeval):
        found, rows = each["comparison"], sum(map(sum, each["confusion"]))
        assert found["other"] == "other"
        assert sum(map(sum, found["confusion"])) == rows
        gain = (found["only_this_right"] - found["only_other_right"]) / rows
        assert found["gain"] == pytest.approx(gain)
        assert gain == pytest.approx(
            each["measures"]["accuracy"]["value"] - found["other_accuracy"]
        )
        low, high = found["gain_interval"]
        assert low <= gain <= high
    assert len(finentity["comparison"]["differences"]) == finentity["comparison"]["differing"]
    assert semeval["comparison"]["differences"] == []  # it is sealed
    assert "McNemar's exact test finds a difference on 0 of 2 sets" in result.out
    page = Path("model/evaluation-unseen/report.html").read_text("utf-8")
    assert "Against a second model" in page
    on("finentity")
    assert report_of()["sets"][0]["comparison"] is None


def test_headlines_that_the_other_model_has_learnt_are_left_out_for_both(on: Cli) -> None:
    seen = [Example("Brolly plc warns on profit, and cuts its DIVIDEND!", 0)]
    build_model(Path("other"), seen=seen)

    result = on("finentity", "--compare", "other")

    [found] = report_of()["sets"]
    assert (found["seen"]["by_other"], sum(map(sum, found["confusion"]))) == (1, 3)
    assert sum(map(sum, found["comparison"]["confusion"])) == 3
    assert "(1 of them by the other model only) and are left out" in result.out


def test_a_second_model_that_is_not_there_is_named(on: Cli) -> None:
    result = on("finentity", "--compare", "nope")

    assert result.exit_code == 3
    assert result.err.startswith("error: --compare nope")


def test_a_set_of_which_the_model_has_seen_all_is_an_error(on: Cli) -> None:
    shutil.rmtree("model")
    texts = [row.split(",")[0] for row in CONTENTS["tfns"].decode().splitlines()[1:]]
    quoted = ["$ACM - Acme upgraded to buy, target raised", *texts[1:]]
    build_model(Path("model"), seen=[Example(text, 0) for text in quoted])

    result = on("finentity,tfns")

    assert result.exit_code == 2
    assert "The tfns set: no headline is left to score" in result.err
    assert "--include-seen" in result.err
    assert not Path("model/evaluation-unseen").exists()


def test_a_set_without_headlines_is_an_error_that_blames_no_training(newsclf: Cli) -> None:
    build_model(Path("model"))
    content = b"text,label\n"
    write_catalogue(Path("sets.toml"), entry("tfns", content))
    Path("sets").mkdir()
    Path("sets/tfns.csv").write_bytes(content)

    result = newsclf(
        *("evaluate", "--on", "tfns", "--sets", "sets", "--catalogue", "sets.toml"),
    )

    assert result.exit_code == 2
    assert "The tfns set: none of its 0 rows is a headline with one label" in result.err
    assert "--include-seen" not in result.err


TAUGHT = CardDistillation(
    teacher="teacher",
    teacher_base="Somebody/Finbert",
    teacher_digest="0" * 64,
    teacher_models=1,
    temperature=2,
    weight=0.8,
)


@pytest.mark.parametrize(
    "origin", [{"base": CardBase(name="Somebody/Finbert", revision="1")}, {"distillation": TAUGHT}]
)
def test_a_base_that_is_known_to_have_seen_a_set_is_named(
    newsclf: Cli, origin: dict[str, Any]
) -> None:
    build_model(Path("model"), **origin)
    write_sets(Path("sets"))
    exposures = [{"base": "somebody/finbert", "set": "tfns"}]
    entries = [entry("finentity"), entry("tfns")]
    write_catalogue(Path("sets.toml"), *entries, exposures=exposures)

    result = newsclf(
        *("evaluate", "--on", "finentity,tfns", "--sets", "sets", "--catalogue", "sets.toml")
    )

    said = (
        "The base of the model, or of its teacher, was trained on The tfns set: these scores are"
        " too high."
    )
    assert said in " ".join(result.out.split())
    assert [each["known_to_base"] for each in report_of()["sets"]] == [False, True]


def test_gates_on_a_set_and_on_the_mean_work_both_ways(on: Cli) -> None:
    met = on("tfns,gold", "--gate", "tfns.accuracy=0", "--gate", "unseen.macro_f1=0")
    assert met.exit_code == 0, met.err
    assert "unseen.macro_f1" in met.out

    missed = on("tfns,gold", "--gate", "tfns.accuracy=0", "--gate", "unseen.macro_f1=.999")
    assert missed.exit_code == 6
    assert "gate not met: unseen.macro_f1 is 0." in missed.err
    assert Path("model/evaluation-unseen/report.html").is_file()


@pytest.mark.parametrize(
    ("gate", "said"),
    [
        ("tfns.macrof1=0.7", "did you mean tfns.macro_f1?"),
        ("gold.accuracy=0.7", "not a measure of these test sets"),
        ("accuracy=0.7", "did you mean tfns.accuracy?"),
        ("calibration=0.7", "with --on, gates are called SET.MEASURE"),
        ("tfns.ece=0.1", "not a measure of these test sets"),
        ("tfns.accuracy=70", "for example --gate tfns.accuracy=0.7"),
    ],
)
def test_a_gate_of_no_measure_is_an_error_before_anything_is_read(
    on: Cli, gate: str, said: str
) -> None:
    shutil.rmtree("sets")

    result = on("tfns", "--gate", gate)

    assert result.exit_code == 2
    assert said in result.err


def test_json_is_the_report(on: Cli) -> None:
    result = on("tfns", "--json", "--quiet", "--out", "elsewhere")

    assert json.loads(result.out) == report_of("elsewhere")
    assert result.err == ""
    assert not Path("model/evaluation-unseen").exists()


def test_several_seeds_give_mean_and_deviation(on: Cli) -> None:
    folder = Path("seeds")
    for seed in (0, 1, 2):
        card = build_card()
        training = card.training.model_copy(update={"seed": seed})
        build_model(folder / f"seed-{seed}", training=training)
    names = [f"seed-{seed}" for seed in (0, 1, 2)]
    write_json(folder / "seeds.json", {"best": "seed-1", "seeds": names})

    result = on("finentity,tfns", "--model", "seeds", "--gate", "unseen.accuracy=0")

    assert result.exit_code == 0, result.err
    assert "3 seeds, mean ± sd" in result.out
    report = report_of("seeds/evaluation-unseen")
    assert report["model_digest"] == read_card(folder / "seed-1")[1].digest
    for each in report["sets"]:
        assert [seed["seed"] for seed in each["seeds"]] == [0, 1, 2]
        values = [seed["values"]["accuracy"] for seed in each["seeds"]]
        mean_and_deviation = [statistics.fmean(values), statistics.stdev(values)]
        assert each["spread"]["accuracy"] == pytest.approx(mean_and_deviation)
        assert each["measures"]["accuracy"]["value"] == pytest.approx(values[1])  # the best seed
    assert report["mean_seeds"]["accuracy"][0] == pytest.approx(report["gates"][0]["value"])
    page = (folder / "evaluation-unseen/report.html").read_text(encoding="utf-8")
    assert f"± {report['mean_seeds']['macro_f1'][1]:.3f} over 3 seeds" in page


def test_int8_and_float_are_compared_when_asked(trained: Path, newsclf: Cli) -> None:
    shutil.copytree(trained / "model", "model")
    write_sets(Path("sets"))
    write_catalogue(Path("sets.toml"))
    given = ("--on", "finentity,tfns", "--sets", "sets", "--catalogue", "sets.toml")

    result = newsclf("evaluate", *given, "--agreement")

    assert result.exit_code == 0, result.err
    assert "Agreement of int8 and float" in result.out
    assert all(each["int8_agreement"]["value"] >= 0.5 for each in report_of()["sets"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--on", "finentiti"), "did you mean finentity?"),
        (("--on", ","), "--on: names no test set"),
        (("--on", "tfns", "--data", "x.csv"), "--data and --on cannot be combined"),
        (("--on", "tfns", "--errors", "9"), "--errors and --on cannot be combined"),
        (("--on", "tfns", "--text-column", "a"), "--text-column and --on cannot be combined"),
        (("--on", "tfns", "--label", "up=positive"), "--label and --on cannot be combined"),
        (("--on", "tfns", "--sets", "absent"), "absent: no such folder"),
        (("--on", "tfns", "--catalogue", "absent.toml"), "absent.toml: no such file"),
        (("--sets", "."), "--sets needs --on"),
        (("--agreement",), "--agreement needs --on"),
    ],
)
def test_options_that_cannot_be_used_are_errors(
    newsclf: Cli, arguments: tuple[str, ...], said: str
) -> None:
    build_model(Path("model"))

    result = newsclf("evaluate", *arguments)

    assert result.exit_code == 2
    assert said in result.err
    assert not Path("model/evaluation-unseen").exists()


def test_a_set_that_cannot_be_downloaded_is_an_error_of_its_own(
    newsclf: Cli, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(Path.cwd()))
    build_model(Path("model"))
    write_catalogue(Path("sets.toml"))  # its host answers nothing

    result = newsclf("evaluate", "--on", "tfns", "--catalogue", "sets.toml")

    assert result.exit_code == 5
    assert "licence: CC0" in result.err
    assert "put a copy of tfns.dat into a folder and pass it: --sets DIR" in result.err
