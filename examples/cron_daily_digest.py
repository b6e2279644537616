"""A job for cron: one question, the answer on stdout, an exit code that says what went wrong.

Run it with --local to need no account. Exit codes: 0 good, 3 sign in again, 4 try later, 5 other.
"""

import sys

from address import address

from hugchat_sync import AuthError, Client, HugChatError, IncompleteAnswer, RateLimited


def main() -> int:
    """Ask once; 300 seconds are all there is for the answer."""
    try:
        with address() as base_url, Client(base_url, timeout=300) as client:
            client.create_conversation()
            print(client.ask("What errors can I act on?"))
    except AuthError as error:
        print(f"sign in again: {error}", file=sys.stderr)
        return 3
    except RateLimited as error:
        print(f"try again in {error.retry_after or 60:.0f} s", file=sys.stderr)
        return 4
    except IncompleteAnswer as error:
        print(error.partial)
        print(f"incomplete: {error}", file=sys.stderr)
        return 5
    except HugChatError as error:
        print(error, file=sys.stderr)
        return 5
    return 0


if __name__ == "__main__":
    sys.exit(main())
