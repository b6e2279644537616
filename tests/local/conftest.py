"""The raw sessions that these tests speak with."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

from local_talk import serve  # noqa: E402

__all__ = ["serve"]
