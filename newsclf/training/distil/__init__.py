"""Distillation: a small model learns what a stronger one answers, on labelled and other texts."""
