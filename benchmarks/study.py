"""Measure how often a study is right, on simulated markets whose effect is known.

    python -m benchmarks.study                # 200 markets of each kind, about three minutes

Each market has 20 entities over 500 trading days, an index that they follow, fat-tailed returns of
their own, and news on a tenth of the days. tests/support/market.py makes them.
"""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Sequence

from newsclf.common.intervals import percent, share_range, wilson_interval
from newsclf.watch.study.records import Estimate, StudyReport, StudySettings
from newsclf.watch.study.run import study
from tests.support.market import Simulation, simulate

_AFTER_BP = 60.0
_MARKETS = {
    "no effect": Simulation(),
    "planted: 80 bp on the day, 60 bp on the next": Simulation(reaction_bp=80, after_bp=_AFTER_BP),
    "known three days late": Simulation(reaction_bp=250, effect_days=4, late_days=3),
}
_NOMINAL = 0.05
_FIRST_SEED = 1000
"""Other markets than those of the tests, on which the method was chosen."""


def main() -> None:
    """Simulate, study, and print what was found."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--markets", type=int, default=200, help="Simulations of each kind.")
    count = parser.parse_args().markets
    seeds = range(_FIRST_SEED, _FIRST_SEED + count)
    for name, wanted in _MARKETS.items():
        found = [study(*simulate(wanted, seed), StudySettings()) for seed in seeds]
        _show(name, found, wanted.after_bp)
        sys.stdout.flush()


def _show(name: str, found: Sequence[StudyReport], after_bp: float) -> None:
    print(f"\n{name}, {len(found)} markets")  # noqa: T201 - what it is for
    for kind, times in Counter(each.verdict_kind for each in found).most_common():
        _line(f"verdict {kind}", times, len(found))
    for number, window in enumerate(found[0].windows):
        of_window = [each.windows[number].estimate for each in found]
        _line(f"[{window.first_day}, {window.last_day}] p < 0.05", _below(of_window), len(found))
    for number, horizon in enumerate(found[0].horizons):
        of_horizon = [each.horizons[number].estimate for each in found]
        _line(f"IC over {horizon.days} days p < 0.05", _below(of_horizon), len(found))
    last = [each.windows[-1].estimate for each in found]
    inside = sum((e.low or 0) < after_bp < (e.high or 0) for e in last)
    _line(f"[1, 5] interval has {after_bp:g} bp", inside, len(found))
    mean = sum(e.mean or 0 for e in last) / len(last)
    print(f"  {'[1, 5] mean over markets':42} {mean:+.1f} bp")  # noqa: T201
    warned = sum(any("look-ahead" in text for text in each.warnings) for each in found)
    _line("warned of look-ahead", warned, len(found))
    late = sum(each.late_headlines > 0 for each in found)
    _line("warned of late headlines", late, len(found))


def _below(estimates: Sequence[Estimate]) -> int:
    return sum(each.p is not None and each.p < _NOMINAL for each in estimates)


def _line(name: str, times: int, of: int) -> None:
    ends = share_range(wilson_interval(times, of))
    print(f"  {name:42} {times} of {of}, {percent(times / of)} ({ends})")  # noqa: T201


if __name__ == "__main__":
    main()
