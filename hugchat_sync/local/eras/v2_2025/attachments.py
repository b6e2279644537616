"""Files: taken in with a message, handed out by their hash.

Source: chat-ui c100c162, measured 2026-08 (e01 to e17).
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import mimetypes
from typing import Sequence

from flask import Blueprint, Response
from werkzeug.datastructures import FileStorage

from hugchat_sync.local.eras.v2_2025.identity import identity
from hugchat_sync.local.identifiers import is_object_id
from hugchat_sync.local.replies import ApiError
from hugchat_sync.local.responder import Attachment
from hugchat_sync.local.routing import add_routes
from hugchat_sync.local.site import Site
from hugchat_sync.local.tables.files import StoredFile

_LARGEST = 10 * 1024 * 1024


def hash_name(content: bytes) -> str:
    """Return the hash the server gives a file: of its bytes read as text.

    Source: chat-ui c100c162, measured 2026-08 (e03): for binary files it is not the SHA-256.
    """
    text = content.decode("utf-8", "replace")
    return hashlib.sha256(text.encode("utf-8")).hexdigest()


def take_files(parts: Sequence[FileStorage], site: Site, conversation_id: str) -> list[StoredFile]:
    """Return the files of a message.

    :raises ApiError: 500 for a name without its kind, 413 for a file that is too large.
    """
    found = []
    for part in parts:
        kind, _, name = (part.filename or "").partition(";")
        content = part.stream.read()
        if not content:
            continue
        if kind == "base64":
            found.append(_decoded(name, content, part.mimetype))
        elif kind == "hash":
            known = site.store.files.get(conversation_id, content.decode("ascii", "replace"))
            if known is None:
                raise ApiError(500)
            found.append(StoredFile(known.sha, name, part.mimetype, known.content))
        else:
            raise ApiError(500)
    return found


def _decoded(name: str, content: bytes, mime: str) -> StoredFile:
    try:
        raw = base64.b64decode(content, validate=False)
    except binascii.Error as error:
        raise ApiError(500) from error
    if len(raw) > _LARGEST:
        raise ApiError(413, "File too large, should be <10MB")
    return StoredFile(hash_name(raw), name, mime or "application/octet-stream", raw)


def listed(files: Sequence[StoredFile]) -> list[dict[str, str]]:
    """Return the files as the stored message names them."""
    return [
        {"type": "hash", "value": file.sha, "mime": file.mime, "name": file.name} for file in files
    ]


def attached(files: Sequence[StoredFile]) -> list[Attachment]:
    """Return the files as a responder gets them."""
    return [Attachment(file.name, file.mime, file.content) for file in files]


class Attachments:
    """The route that hands files out."""

    def __init__(self, site: Site) -> None:
        self._site = site

    def add_to(self, routes: Blueprint) -> None:
        """Register the route."""
        add_routes(routes, [("GET", "/conversation/<conversation_id>/output/<sha>", self.output)])

    def output(self, conversation_id: str, sha: str) -> Response:
        """Return the bytes of a file; those of a share to anybody."""
        if len(conversation_id) != 7:
            if not is_object_id(conversation_id):
                raise ApiError(500)
            found = self._site.store.conversations.get(conversation_id)
            if found is None or found.owner != identity().owner:
                raise ApiError(404, "Conversation not found")
        file = self._site.store.files.get(conversation_id, sha)
        if file is None:
            raise ApiError(404, "File not found")
        ending = mimetypes.guess_extension(file.mime) or ".bin"
        headers = {
            "Accept-Range": "bytes",
            "Content-Disposition": f'attachment; filename="{sha[:8]}{ending}"',
        }
        return Response(file.content, 200, headers, content_type=file.mime)
