"""Shows what a web search does while it searches, then the answer and its sources.

Run it with --local to need no account; the embedded server searches its own documents.
"""

import sys

from address import address

from hugchat_sync import Client
from hugchat_sync.events import WebSearchStep


def main() -> int:
    """Print the steps to stderr, the answer and the sources to stdout."""
    with address() as base_url, Client(base_url) as client:
        message = client.chat("How do I log in with cookies?", web_search=True)
        for event in message:
            if isinstance(event, WebSearchStep):
                print(f"... {event.message} {' '.join(event.args)}", file=sys.stderr)
        print(message.text())
        for source in message.sources:
            print(f"- {source.title} <{source.link}>")
    return 0


if __name__ == "__main__":
    sys.exit(main())
