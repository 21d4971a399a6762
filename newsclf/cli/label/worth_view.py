"""Show what more labels would be worth."""

from __future__ import annotations

from typing import TYPE_CHECKING

from newsclf.cli.option_values import usd
from newsclf.reporting.text import number

if TYPE_CHECKING:
    from newsclf.cli.console import Output
    from newsclf.common.intervals import Interval
    from newsclf.common.settings import DataSettings
    from newsclf.label.worth import Measure, Worth

_NAMES: dict[Measure, str] = {"accuracy": "accuracy", "macro_f1": "macro-F1"}


def show_worth(
    output: Output, data: DataSettings, *, base: str, price: str | None, seed: int
) -> None:
    """Measure the learning curve of some labels, and show it with what more would bring.

    Raises:
        ConfigError: The price is not one.
    """
    from newsclf.label.worth import read_labels, worth

    price_per_label_usd = None if price is None else float(usd(price, "--price-per-label"))
    labels = read_labels(data)
    left_out = {
        "near-duplicates": labels.repeated,
        "rows of the validation and test part": labels.held_out,
    }
    without = " and ".join(f"{count:,} {what}" for what, count in left_out.items() if count)
    output.note(
        f"{labels.name}: {len(labels.examples):,} labels" + (f", without {without}" * bool(without))
    )
    found = worth(labels, base=base, price_per_label_usd=price_per_label_usd, seed=seed)
    output.data(found.model_dump(mode="json"))
    rows = [
        (
            f"{100 * each.share:.0f} %",
            f"{each.labels:,}",
            _cell(each.accuracy),
            _cell(each.macro_f1),
        )
        for each in found.points
    ]
    columns = ("of nine tenths", "labels", "accuracy", "macro-F1")
    title = f"Learning curve of {found.name}, read by {found.base}"
    output.show(output.table(title, columns, rows), *sentences(found))


def sentences(found: Worth) -> list[str]:
    """What a learning curve says, in words."""
    told = [f"{_NAMES[name]} {_points(gain)}" for name, gain in found.gain.items()]
    more = f"{found.more:,} more labels like these"
    said = [f"{more} would raise {' and '.join(told)}."] if told else []
    said += [
        f"It can't be told what {more} would bring to {_NAMES[name]}: {why}."
        for name, why in found.why_not.items()
    ]
    if found.cost_usd is None:
        said.append("What a label costs is not recorded; --price-per-label says it.")
    else:
        said.append(
            f"They would cost {_usd(found.cost_usd)}, at {_usd(found.cost_per_label_usd)} each."
        )
    said.append(
        "A logistic regression has learnt these labels, not a model: take the gain as a hint."
    )
    return said


def _usd(value: float | None) -> str:
    """An amount, with as many places as a small one needs."""
    amount = value or 0.0
    if amount == 0 or amount >= 1:
        return f"${amount:.2f}"
    return f"${number(amount, 2).rstrip('0').rstrip('.')}"


def _cell(found: Interval) -> str:
    return f"{100 * (found.value or 0):.1f} % ({_ends(found)})"


def _points(found: Interval) -> str:
    return f"by about {100 * (found.value or 0):.1f} points (95 %: {_ends(found)})"


def _ends(found: Interval) -> str:
    return f"{100 * (found.low or 0):.1f}\u2013{100 * (found.high or 0):.1f}"  # en dash
