"""Starts three things at once with wait=False and collects their results.

Run it with --local to need no account.
"""

import sys

from address import address

from hugchat_sync import HuggingChat


def main() -> int:
    """Create three conversations side by side, ask in each, and remove them again."""
    with address() as base_url, HuggingChat(base_url) as hug:
        bot = hug.getBot()
        ids = [future.result(60) for future in [bot.createConversation(wait=False) for _ in "abc"]]
        for conversation_id, topic in zip(ids, ("cookies", "futures", "errors")):
            print(f"{topic}: {bot.ask(f'What about {topic}?', conversation_id)[:60]!r}")
        for future in [bot.removeConversation(one, wait=False) for one in ids]:
            future.result(60)
        print(f"{len(bot.conversations)} conversations left")
    return 0


if __name__ == "__main__":
    sys.exit(main())
