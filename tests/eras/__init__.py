"""Small servers of old eras, written from the protocol; they share no code with the client."""

from __future__ import annotations

from .lines import LinesServer
from .lines_2023 import OctoberServer
from .playing import Play
from .tgi import TgiServer
from .tree import TreeServer
from .v2 import V2Server

__all__ = ["LinesServer", "OctoberServer", "Play", "TgiServer", "TreeServer", "V2Server"]
