"""The loss of a batch: from labels, softened ones included, and from a teacher's answers."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch.nn import functional

from newsclf.training.batches import Batch


@dataclass(frozen=True, slots=True)
class Loss:
    """Weighted mean over a batch of cross-entropy with labels and divergence from a teacher."""

    temperature: float = 1.0
    """Divides the logits of model and teacher where they are compared."""

    def of(self, logits: torch.Tensor, batch: Batch) -> torch.Tensor:
        """The loss of a model's logits, (n, 3) in any precision; a float32 scalar.

        The Kullback-Leibler divergence from the teacher is multiplied by the square of the
        temperature, so that its gradients keep their size (Hinton, Vinyals & Dean 2015).
        """
        logits = logits.float()
        losses = batch.weights * functional.cross_entropy(logits, batch.targets, reduction="none")
        if batch.taught_weights.any():
            divergence = functional.kl_div(
                functional.log_softmax(logits / self.temperature, dim=-1),
                functional.log_softmax(batch.taught / self.temperature, dim=-1),
                reduction="none",
                log_target=True,
            ).sum(dim=-1)
            losses = losses + batch.taught_weights * self.temperature**2 * divergence
        return losses.sum() / (batch.weights + batch.taught_weights).sum().clamp_min(1e-6)
