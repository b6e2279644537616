"""Ids and times in the form the server gives them."""

from __future__ import annotations

import hashlib
import itertools
import os
import re
import string
import time
import uuid
from datetime import datetime, timezone
from random import SystemRandom

_HEX_24 = re.compile(r"[0-9a-fA-F]{24}")
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)
_NAME_CHARACTERS = string.ascii_letters + string.digits


class ObjectIds:
    """Makes conversation ids: 24 hex digits that grow with time.

    :param first: the first value of the counter, the last three bytes of an id.
    """

    def __init__(self, first: int | None = None) -> None:
        start = int.from_bytes(os.urandom(2), "big") if first is None else first
        self._machine = os.urandom(5).hex()
        self._counter = itertools.count(start)

    def new(self) -> str:
        """Return a new id."""
        return f"{int(time.time()):08x}{self._machine}{next(self._counter) & 0xFFFFFF:06x}"


def is_object_id(text: str) -> bool:
    """Return whether the server's database takes this as an id.

    Source: chat-ui c100c162, measured 2026-08 (g41): 24 hex digits, or any 12 bytes.
    """
    return bool(_HEX_24.fullmatch(text)) or len(text.encode("utf-8")) == 12


def is_uuid(value: object) -> bool:
    """Return whether the value is the text of a UUID."""
    return isinstance(value, str) and bool(_UUID.fullmatch(value))


def new_uuid() -> str:
    """Return a random UUID."""
    return str(uuid.uuid4())


def new_share_id() -> str:
    """Return a random share id: seven letters or digits."""
    random = SystemRandom()
    return "".join(random.choice(_NAME_CHARACTERS) for _ in range(7))


def now() -> str:
    """Return the present moment as ISO text with milliseconds and ``Z``."""
    moment = datetime.now(timezone.utc)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def owner_of(secret: str) -> str:
    """Return the name under which the data of a session are stored, never the cookie itself."""
    return hashlib.sha256(secret.encode("utf-8", "surrogatepass")).hexdigest()
