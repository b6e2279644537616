"""Synchronous client for HuggingChat and other chat-ui servers.

>>> from hugchat_sync import Client                      # doctest: +SKIP
>>> print(Client(cookies="cookies.json").ask("Hello!"))  # doctest: +SKIP
"""

__version__ = "0.1.0"

import logging

from . import errors, events
from .bot import Bot, HuggingChat
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
    WrongPassword,
)
from .list_bots import ListBots
from .message import Message
from .options import Retry, Timeout
from .sign import Sign

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
    "WrongPassword",
    "errors",
    "events",
]

logging.getLogger("hugchat_sync").addHandler(logging.NullHandler())
