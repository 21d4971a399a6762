"""Tests, by what they touch: unit (nothing), local (a model on this machine), architecture."""
