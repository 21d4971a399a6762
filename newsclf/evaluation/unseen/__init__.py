"""Evaluation on public test sets that no model is trained on: `newsclf evaluate --on`."""
