"""The documents themselves, so that the links of an answer lead somewhere."""

from __future__ import annotations

from flask import Blueprint, Response

from hugchat_sync.local.replies import ApiError, text_reply
from hugchat_sync.local.site import Site


def add_documents(routes: Blueprint, site: Site) -> None:
    """Register ``GET /documents/{name}``."""

    def document(name: str) -> Response:
        read = getattr(site.responder, "document", None)
        text = None if read is None else read(name)
        if text is None:
            raise ApiError(404, "Document not found")
        return text_reply(text, 200, "text/plain; charset=utf-8")

    routes.add_url_rule("/documents/<path:name>", view_func=document, methods=["GET"])
