"""Asks again and again whether the answer is there, the way scripts of 2023 do.

Run it with --local to need no account.
"""

import sys
import time

from address import address

from hugchat_sync import HuggingChat


def main() -> int:
    """Poll until the answer is done, then print its web search steps and its text."""
    with address() as base_url, HuggingChat(base_url) as hug:
        bot = hug.getBot()
        message = bot.chat("How do I stream an answer?", web_search=True)
        while not message.isDone():
            time.sleep(0.1)
        for step in message.getWebSearchSteps():
            print(f"[{step['messageType']}] {step['message']}")
        print(message.getFinalText())
    return 0


if __name__ == "__main__":
    sys.exit(main())
