"""A model of the list."""

from __future__ import annotations

from typing import Any

from ...values import Value


class Model(Value, frozen=False):
    """A model that the server offers; what is not known is ``None``.

    ``str()`` is its id, and it equals its id: the oldest scripts got no more than that.
    """

    id: str | None = None
    name: str | None = None
    displayName: str | None = None
    preprompt: str | None = None
    promptExamples: list[Any] | None = None
    websiteUrl: str | None = None
    description: str | None = None
    datasetName: str | None = None
    datasetUrl: str | None = None
    modelUrl: str | None = None
    parameters: dict[str, Any] | None = None
    unlisted: bool | None = None
    logoUrl: str | None = None
    reasoning: bool | None = None
    multimodal: bool | None = None
    tools: bool | None = None
    hasInferenceAPI: bool | None = None

    def __str__(self) -> str:
        return str(self.id)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, (str, Model)) and str(self) == str(other)

    def __hash__(self) -> int:
        return hash(str(self))
