"""The four bodies of a message in 2024."""

from __future__ import annotations

import json
from base64 import b64decode
from binascii import Error
from email.parser import BytesParser
from email.policy import HTTP
from typing import Any, Optional, Tuple

from .listening import Asked

Files = Tuple[Tuple[str, str, bytes], ...]
Body = Optional[Tuple[Any, Files]]


class TreeBody:
    """Reads the bodies of one version; ``None`` is one that the server cannot read."""

    def __init__(self, version: str) -> None:
        self._version = version

    def read(self, asked: Asked) -> Body:
        """Return the data and the files (name, type, content) of a message."""
        multipart = self._version >= "2408"
        if multipart != (asked.kind == "multipart/form-data"):
            return None
        try:
            data, files = self._parts(asked) if multipart else self._fields(asked)
        except (ValueError, Error, KeyError, TypeError):
            return None
        return (data, files) if self._fits(data) else None

    def _fits(self, data: Any) -> bool:
        if not isinstance(data, dict) or not isinstance(data.get("id"), str):
            return False
        if data.get("inputs") == "" or (not data.get("inputs") and not data.get("is_retry")):
            return False
        if self._version == "2404":
            return True
        kind = list if self._version >= "2412" else dict
        return isinstance(data.get("tools", kind()), kind)

    def _fields(self, asked: Asked) -> tuple[Any, Files]:
        data = asked.json()
        listed = data.get("files", [])
        if self._version == "2404":
            return data, tuple(("", "image/jpeg", b64decode(one, validate=True)) for one in listed)
        return data, tuple(
            (one["name"], one["mime"], b64decode(one["value"], validate=True)) for one in listed
        )

    def _parts(self, asked: Asked) -> tuple[Any, Files]:
        head = f"Content-Type: {asked.headers['content-type']}\r\n\r\n".encode()
        message = BytesParser(policy=HTTP).parsebytes(head + asked.body)
        data, files = None, []
        for part in message.iter_parts():
            content = part.get_payload(decode=True)
            assert isinstance(content, bytes)
            name = part.get_param("name", header="content-disposition")
            filename = part.get_filename()
            if name == "data" and filename is None:
                data = json.loads(content)
            elif name == "files" and filename is not None:
                form, _, given = filename.partition(";")
                if form != "base64":
                    raise ValueError(form)
                files.append((given, part.get_content_type(), b64decode(content, validate=True)))
        return data, tuple(files)
