"""Small servers of two old eras, written from the protocol; they share no code with the client."""

from __future__ import annotations

from .playing import Play
from .tgi import TgiServer
from .tree import TreeServer

__all__ = ["Play", "TgiServer", "TreeServer"]
