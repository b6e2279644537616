"""``python -m hugchat_sync`` is the terminal program."""

import sys

from .terminal import main

if __name__ == "__main__":
    sys.exit(main())
