"""Inference components: models that share an endpoint's instances.

newsclf makes none, but whoever adds some to a deployment's endpoint, or makes some with its tag,
keeps the endpoint from being deleted, and is billed for what they hold.
"""

from __future__ import annotations

import re

from newsclf.common.errors import TargetError
from newsclf.deploy.aws.walk import discovery
from newsclf.deploy.aws.walk.resource import Deletable

_ARN = re.compile(r"arn:aws:sagemaker:[^:]*:\d+:inference-component/(.+)")
_AT_MOST_S = 15 * 60


class InferenceComponents(Deletable):
    """All inference components of a deployment: on its endpoint, or with its tag."""

    kind = "inference component"
    service = "sagemaker"
    holds_others = True

    @property
    def name(self) -> str:
        """Of all of them: the endpoint that they are on."""
        return f"{self.names.endpoint}/*"

    def find(self) -> dict[str, str]:
        """Their names → their status."""
        tagged = [_ARN.fullmatch(arn) for arn in discovery.tagged_arns(self.scope)]
        found = self._listed(EndpointNameEquals=self.names.endpoint)
        for match in tagged:
            # The list of tags also names what was deleted a while ago.
            if match is not None and match[1] not in found:
                there = self._listed(NameContains=match[1])
                found |= {name: status for name, status in there.items() if name == match[1]}
        return found

    def delete(self) -> bool:
        """Delete them, and wait until they are gone."""
        found = self.find()
        for name, status in found.items():
            if status != "Deleting":
                self.scope.clients.find(
                    "sagemaker", "delete_inference_component", InferenceComponentName=name
                )
        gone = self.scope.clock.until(lambda: None if self.exists() else True, at_most_s=_AT_MOST_S)
        if gone is None:
            raise TargetError(
                f"inference components of {self.names.endpoint} are still being deleted:"
                f" {', '.join(self.find())}",
                hint=f"{self.names.teardown} continues",
            )
        return bool(found)

    def _listed(self, **which: str) -> dict[str, str]:
        found = self.scope.clients.listed(
            "sagemaker",
            "list_inference_components",
            "InferenceComponents",
            doing=f"looking for inference components of {self.names.endpoint}",
            **which,
        )
        return {each["InferenceComponentName"]: each["InferenceComponentStatus"] for each in found}
