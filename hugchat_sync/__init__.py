"""Ask HuggingChat, or any other chat-ui server, and get the answer: plain synchronous Python.

>>> from hugchat_sync import Client
>>> with Client(cookies="cookies.json") as client:
...     answer = client.ask("What is a token?")

Three classes do the work; ``help()`` tells more of each:

* ``Client`` talks to one server: ``ask``, ``chat``, ``history``, ``models``, ``map`` and more.
* ``Message`` is what ``chat`` returns: an answer that may still be coming.
* ``HuggingChat`` makes a ``Bot``, which is a ``Client`` with the names of hugchat_api and
  its wiki on top, and with ``wait=False``.

Every error is a ``HugChatError``. The guide is in the folder ``local/documents`` of this
package; ``hugchat-sync --local ask "How do I stream an answer?"`` quotes it.
"""

import logging

from .version import __version__ as __version__

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from typing import Any, List

    from . import errors, events
    from .auth.sign import Sign
    from .bot import Bot, HuggingChat
    from .chat.message import Message
    from .client import Client
    from .errors import (
        AuthError,
        BadRequest,
        ChallengeRequired,
        ConnectionFailed,
        ConsentMissing,
        ConversationLimit,
        ConversationNotExistError,
        CookieFileWarning,
        FeatureUnavailable,
        GenerationError,
        HugChatDeprecationWarning,
        HugChatError,
        IncompleteAnswer,
        LoginFailed,
        ModelGone,
        ModelNotFound,
        ModelOverloaded,
        NotFound,
        ProtocolError,
        QuotaExceeded,
        RateLimited,
        ServerError,
        SessionExpired,
        TimedOut,
        TooLarge,
        TransportError,
        TwoFactorRequired,
        Unavailable,
        UnknownDialect,
        UsageError,
        WorkerLost,
        WrongPassword,
    )
    from .list_bots import ListBots
    from .options import Retry, Timeout

__all__ = [
    "AuthError",
    "BadRequest",
    "Bot",
    "ChallengeRequired",
    "Client",
    "ConnectionFailed",
    "ConsentMissing",
    "ConversationLimit",
    "ConversationNotExistError",
    "CookieFileWarning",
    "FeatureUnavailable",
    "GenerationError",
    "HugChatDeprecationWarning",
    "HugChatError",
    "HuggingChat",
    "IncompleteAnswer",
    "ListBots",
    "LoginFailed",
    "Message",
    "ModelGone",
    "ModelNotFound",
    "ModelOverloaded",
    "NotFound",
    "ProtocolError",
    "QuotaExceeded",
    "RateLimited",
    "Retry",
    "ServerError",
    "SessionExpired",
    "Sign",
    "TimedOut",
    "Timeout",
    "TooLarge",
    "TransportError",
    "TwoFactorRequired",
    "Unavailable",
    "UnknownDialect",
    "UsageError",
    "WorkerLost",
    "WrongPassword",
    "errors",
    "events",
]

#: Where the names live that are not errors. They are fetched at their first use: the terminal
#: program imports this package, too, and ``--help`` should not pay for requests.
_HOMES = {
    "Bot": "bot",
    "Client": "client",
    "HuggingChat": "bot",
    "ListBots": "list_bots",
    "Message": "chat.message",
    "Retry": "options",
    "Sign": "auth.sign",
    "Timeout": "options",
}
_MODULES = ("core", "errors", "events", "options", "records", "utils")

logging.getLogger("hugchat_sync").addHandler(logging.NullHandler())

if not TYPE_CHECKING:  # to a type checker it would make every misspelt name exist

    def __getattr__(name: str) -> "Any":
        import importlib

        if name in _MODULES:
            return importlib.import_module(f".{name}", __name__)
        if name not in __all__:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = importlib.import_module(f".{_HOMES.get(name, 'errors')}", __name__)
        value = globals()[name] = getattr(home, name)
        return value


def __dir__() -> "List[str]":
    return sorted({*globals(), *__all__, *_MODULES})
