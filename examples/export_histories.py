"""Prints every conversation of the account as Markdown.

Run it with --local to need no account.
"""

import sys

from address import address

from hugchat_sync import Client


def main() -> int:
    """Print a heading a conversation and a paragraph a message."""
    with address() as base_url, Client(base_url) as client:
        client.ask("What is the terminal program called?")  # so that there is something to see
        for conversation in client.list_conversations():
            print(f"# {conversation.title}\n")
            for entry in client.history(conversation.id):
                print(f"**{'You' if entry.is_user else 'Answer'}:** {entry.text}\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
