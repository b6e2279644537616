"""Prints the answer to one question, whole.

Run it with --local to need no account.
"""

import sys

from address import address

from hugchat_sync import HuggingChat


def main() -> int:
    """Ask once and print the answer."""
    with address() as base_url, HuggingChat(base_url) as hug:
        bot = hug.getBot()
        print(bot.ask("How do I set a system prompt?"))
    return 0


if __name__ == "__main__":
    sys.exit(main())
