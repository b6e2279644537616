"""How a run ends: exit codes, and the one line that says what happened and what to do."""

from __future__ import annotations

from ..errors import (
    AuthError,
    ConnectionFailed,
    ConversationNotExistError,
    FeatureUnavailable,
    GenerationError,
    HugChatError,
    ModelNotFound,
    ModelOverloaded,
    ProtocolError,
    QuotaExceeded,
    RateLimited,
    ServerError,
    TimedOut,
    TransportError,
    UsageError,
)

OK = 0
OTHER = 1
USAGE = 2
AUTHENTICATION = 3
LATER = 4
FAILED = 5
TIMEOUT = 6
INTERRUPTED = 130

#: The first class that fits gives the code: what is told apart stands before its bases.
_CODES: tuple[tuple[type[HugChatError], int], ...] = (
    (RateLimited, LATER),
    (QuotaExceeded, LATER),
    (ModelOverloaded, LATER),
    (UsageError, USAGE),
    (ModelNotFound, USAGE),
    (ConversationNotExistError, USAGE),
    (AuthError, AUTHENTICATION),
    (TimedOut, TIMEOUT),
    (FeatureUnavailable, OTHER),
    (ServerError, FAILED),
    (TransportError, FAILED),
    (GenerationError, FAILED),
    (ProtocolError, FAILED),
)

#: What to do, where the sentence of the error itself speaks to a program.
_ADVICE: tuple[tuple[type[HugChatError], str], ...] = (
    (ModelNotFound, "'hugchat-sync models' lists them"),
    (ConversationNotExistError, "'hugchat-sync ls' lists them"),
    (AuthError, "sign in with 'hugchat-sync login'"),
    (ConnectionFailed, "check the address and the network, or try --local"),
    (TimedOut, "give --timeout more seconds, or try again later"),
)


def exit_code(error: HugChatError) -> int:
    """Return the exit code that goes with an error."""
    for kind, code in _CODES:
        if isinstance(error, kind):
            return code
    return OTHER


def sentence(error: HugChatError) -> str:
    """Return one line: what happened, and what to do about it."""
    text = " ".join(str(error).split()) or type(error).__name__
    for kind, advice in _ADVICE:
        if isinstance(error, kind):
            return f"{text}; {advice}"
    return text


def partial_text(error: HugChatError) -> str:
    """Return what had come of an answer before it failed."""
    partial = getattr(error, "partial", "")
    return partial if isinstance(partial, str) else ""
