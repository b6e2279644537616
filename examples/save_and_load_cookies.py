"""Keeps cookies in a file of their own, and reads them from there the next time.

Needs nothing, not even a server: the cookies are made up.
"""

import sys
import tempfile
from pathlib import Path

from hugchat_sync import Client


def main() -> int:
    """Write cookies as a browser extension exports them, and make a client out of the file."""
    exported = '[{"name": "hf-chat", "value": "made-up", "domain": "huggingface.co"}]'
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "cookies.json")
        path.write_text(exported, encoding="utf-8")
        with Client(cookies=path) as client:
            print("cookies:", ", ".join(cookie.name for cookie in client.cookies))
    return 0


if __name__ == "__main__":
    sys.exit(main())
