"""The models this server says it has."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence


@dataclass(frozen=True)
class ServedModel:
    """One model of the list.

    :param id: what the wire calls it.
    """

    id: str
    display_name: str
    description: str
    multimodal: bool = False
    supports_tools: bool = False
    supports_reasoning: bool = False
    is_router: bool = False


def served_models(era: str) -> Sequence[ServedModel]:
    """Return the models of an era, the default first.

    All of them answer from the same responder; there are several so that choosing can be tried.
    """
    if era == "lines-2023":
        return (
            ServedModel("local/documents", "local/documents", "Answers out of documents."),
            ServedModel("local/plain", "local/plain", "The same answers under another name."),
        )
    return (
        ServedModel(
            "omni",
            "Omni",
            "Routes every message to the documents.",
            multimodal=True,
            supports_tools=True,
            is_router=True,
        ),
        ServedModel(
            "local/documents",
            "local/documents",
            "Answers out of documents.",
            supports_tools=True,
        ),
        ServedModel(
            "local/plain",
            "local/plain",
            "The same answers without tools.",
            supports_reasoning=True,
        ),
        ServedModel("local/vision", "local/vision", "Takes images, too.", multimodal=True),
    )


def find_model(era: str, model_id: object) -> ServedModel | None:
    """Return the model with that id."""
    return next((model for model in served_models(era) if model.id == model_id), None)
