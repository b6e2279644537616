"""Sends everything through a requests.Session of your own: proxies, certificates, adapters.

Run it with --local to need no account, and no proxy.
"""

import sys

import requests
from address import address

from hugchat_sync import Client


def main() -> int:
    """Use the session's adapters and proxies; the session itself is never changed or closed."""
    session = requests.Session()
    session.proxies = {"https": "http://127.0.0.1:3128"}  # only https goes through it
    with session, address() as base_url, Client(base_url, session=session) as client:
        print(client.ask("Can I use my own session?"))
        print(f"[cookies in my session: {len(session.cookies)}]")
    return 0


if __name__ == "__main__":
    sys.exit(main())
