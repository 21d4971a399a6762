"""Benchmarks: `make bench` measures speed as ratios within one run, since machines drift."""
