"""Colours of labels, and of words that speak for or against them, on the terminal."""

from __future__ import annotations

LABELS = {"negative": "red", "neutral": "blue", "positive": "green"}
AGAINST = "magenta"
"""Words that speak against the label; those that speak for it have the label's colour."""
