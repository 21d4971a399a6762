"""newsclf: from labelled news headlines to a measured sentiment API."""

__version__ = "0.1.0"
