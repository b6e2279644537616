"""Prints an answer piece by piece as it comes, and then how many events it took.

Run it with --local to need no account.
"""

import sys

from address import address

from hugchat_sync import Client


def main() -> int:
    """Print the tokens while they arrive; a second loop replays the answer from memory."""
    with address() as base_url, Client(base_url) as client:
        message = client.chat("How do futures work?")
        for piece in message.tokens():
            print(piece, end="", flush=True)
        print(f"\n[{len(list(message))} events, title: {message.title}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
