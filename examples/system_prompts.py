"""Stores a system prompt for a model and shows that new conversations have it.

Run it with --local to need no account.
"""

import sys

from address import address

from hugchat_sync import Client


def main() -> int:
    """Store a prompt, ask, show the conversation's own prompt, and take the stored one away."""
    with address() as base_url, Client(base_url) as client:
        model = client.models()[0].id
        client.set_system_prompt(model, "Answer like a pirate.")
        with client.temporary_conversation(model):
            print(client.ask("How do I set a system prompt?"))
            print(f"[its system prompt: {client.conversation().system_prompt!r}]")
        client.set_system_prompt(model, "")
    return 0


if __name__ == "__main__":
    sys.exit(main())
