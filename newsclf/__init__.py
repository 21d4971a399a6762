"""newsclf: from labelled news headlines to a measured sentiment API."""

import os

__version__ = "0.1.0"

# ONNX Runtime sends usage data, with an id of the machine, to its makers. It reads this when it is
# loaded; its function that turns them off comes too late for the first ones.
os.environ.setdefault("ORT_DISABLE_TELEMETRY", "1")
