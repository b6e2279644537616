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

from . import errors
from .errors import *  # noqa: F403  # it says itself what it exports
from .version import __version__ as __version__

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from typing import Any

    from . import core as core
    from . import events
    from . import options as options
    from . import records as records
    from . import utils as utils
    from .auth.sign import Sign
    from .bot import Bot, HuggingChat
    from .chat.message import Message
    from .client import Client
    from .list_bots import ListBots
    from .options import Retry, Timeout

__all__ = [
    "Bot",
    "Client",
    "HuggingChat",
    "ListBots",
    "Message",
    "Retry",
    "Sign",
    "Timeout",
    "errors",
    "events",
]
__all__ += errors.__all__

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
_MODULES = ("compat", "core", "events", "local", "options", "records", "utils")

logging.getLogger("hugchat_sync").addHandler(logging.NullHandler())

if not TYPE_CHECKING:  # to a type checker it would make every misspelt name exist

    def __getattr__(name: str) -> "Any":
        import importlib

        if name in _MODULES:
            return importlib.import_module(f".{name}", __name__)
        if name not in _HOMES:
            raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
        home = importlib.import_module(f".{_HOMES[name]}", __name__)
        value = globals()[name] = getattr(home, name)
        return value


def __dir__() -> "list[str]":
    return sorted({*globals(), *__all__, *_MODULES})
