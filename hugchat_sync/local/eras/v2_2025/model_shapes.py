"""Models in the shapes of today's routes.

Source: chat-ui c100c162, measured 2026-08 (a04 to a08).
"""

from __future__ import annotations

from typing import Any

from hugchat_sync.local.eras.v2_2025.superjson import Undefined
from hugchat_sync.local.models import ServedModel

_HOME = "https://huggingface.co"


def item_v1(model: ServedModel) -> dict[str, Any]:
    """Return a line of ``GET /api/models``: defaults filled in, no word about routers."""
    return {
        "id": model.id,
        "name": model.id,
        "websiteUrl": _HOME,
        "modelUrl": _HOME,
        "displayName": model.display_name,
        "description": model.description,
        "promptExamples": [],
        "preprompt": "",
        "multimodal": model.multimodal,
        "supportsTools": model.supports_tools,
        "supportsReasoning": model.supports_reasoning,
        "supportsArtifacts": False,
        "unlisted": False,
        "hasInferenceAPI": False,
    }


def item_v2(model: ServedModel) -> dict[str, Any]:
    """Return a line of ``GET /api/v2/models``: what is not set is undefined."""
    return {
        "id": model.id,
        "name": model.id,
        "websiteUrl": Undefined(),
        "modelUrl": Undefined(),
        "datasetName": Undefined(),
        "datasetUrl": Undefined(),
        "displayName": model.display_name,
        "description": model.description,
        "logoUrl": Undefined(),
        "promptExamples": Undefined(),
        "preprompt": "" if model.is_router else Undefined(),
        "multimodal": model.multimodal,
        "multimodalAcceptedMimetypes": ["image/*"] if model.multimodal else Undefined(),
        "supportsTools": model.supports_tools,
        "supportsReasoning": model.supports_reasoning,
        "supportsArtifacts": False,
        "unlisted": False,
        "hasInferenceAPI": False,
        "isRouter": model.is_router,
    }


def detail_v2(model: ServedModel) -> dict[str, Any]:
    """Return ``GET /api/v2/models/{id}``."""
    provider = {
        "supports_tools": model.supports_tools,
        "context_length": 32768,
        "provider": "local",
        "status": "live",
    }
    return {
        **item_v2(model),
        "providers": Undefined() if model.is_router else [provider],
        "parameters": {"stop_sequences": Undefined()},
    }
