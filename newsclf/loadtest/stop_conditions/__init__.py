"""Stop conditions: the reasons to end a load test, or one of its loads, early.

A new one is a module with a subclass of StopCondition. Those of the whole test are listed in
`loadtest/run.py`, those of each load in `loadtest/points.py`; the generator checks them several
times a second.
"""
