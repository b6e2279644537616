"""Every exception and warning of the package, and the table from status to class."""

from __future__ import annotations

import sys
import traceback
import warnings

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from typing import Any, Iterable, Sequence

__all__ = [
    "AuthError",
    "BadRequest",
    "ChallengeRequired",
    "ConnectionFailed",
    "ConsentMissing",
    "ConversationLimit",
    "ConversationNotExistError",
    "CookieFileWarning",
    "FeatureUnavailable",
    "GenerationError",
    "HugChatDeprecationWarning",
    "HugChatError",
    "IncompleteAnswer",
    "LoginFailed",
    "ModelGone",
    "ModelNotFound",
    "ModelOverloaded",
    "NotFound",
    "ProtocolError",
    "QuotaExceeded",
    "RateLimited",
    "ServerError",
    "SessionExpired",
    "TimedOut",
    "TooLarge",
    "TransportError",
    "TwoFactorRequired",
    "Unavailable",
    "UnknownDialect",
    "UsageError",
    "WorkerLost",
    "WrongPassword",
]

_SHORTEST_SECRET = 6  # characters
_BODY_KEPT = 2048  # characters of a server's reply that an error carries


class HugChatError(Exception):
    """Anything that this package raises on purpose; catch it to catch all of them.

    The sentence is ``str(error)``; further facts are attributes, and both survive pickling.
    ``step`` names the step of a sign-in at which it happened.
    """

    step: str = ""

    def __init__(self, message: str = "", **facts: Any) -> None:
        super().__init__(message)
        for name, value in facts.items():
            setattr(self, name, value)

    def hide(self, secrets: Iterable[str]) -> None:
        """Take *secrets* out of the sentence and the facts: a server may have sent them back.

        So it is with the errors of ours that led to it, which a traceback shows before it. The
        frames in which they were raised lose their variables: a reply may be among them.
        """
        every, seen = tuple(secrets), set()
        error: BaseException | None = self
        while error is not None and id(error) not in seen:
            seen.add(id(error))
            traceback.clear_frames(error.__traceback__)
            if isinstance(error, HugChatError):
                error.args = tuple(hide_secrets(argument, every) for argument in error.args)
                facts = vars(error)
                facts.update({name: hide_secrets(fact, every) for name, fact in facts.items()})
            error = error.__cause__ or error.__context__

    def __reduce__(self) -> tuple[Any, ...]:
        return _rebuild, (type(self), self.args, dict(self.__dict__))


def _rebuild(
    kind: type[HugChatError], args: tuple[Any, ...], facts: dict[str, Any]
) -> HugChatError:
    error = kind.__new__(kind, *args)
    error.args = args
    error.__dict__.update(facts)
    return error


def hide_secrets(value: Any, secrets: Iterable[str]) -> Any:
    """Return a text with asterisks in place of *secrets*, anything else as it is.

    Very short ones would take words away.
    """
    for secret in secrets if isinstance(value, str) else ():
        if len(secret) >= _SHORTEST_SECRET:
            value = value.replace(secret, "***")
    return value


class UsageError(HugChatError, ValueError):
    """The call cannot be right as it was written; nothing was sent. Mend the call."""


class AuthError(HugChatError):
    """The server wants to know who asks, or refuses who asks. Sign in, or pass cookies."""

    status: int | None = None
    url: str | None = None
    by_gateway: bool = False  # somebody before the server refuses; the server was not asked


class LoginFailed(AuthError):
    """A step of the sign-in did not work; ``step`` names it."""


class WrongPassword(LoginFailed):
    """The e-mail and the password do not belong together; it is not tried again."""


class ConsentMissing(LoginFailed):
    """The account has not allowed this application yet; allow it once in a browser."""


class ChallengeRequired(LoginFailed):
    """A captcha or a firewall asks for a human; export the cookies from a browser instead."""


class TwoFactorRequired(LoginFailed):
    """The account has a second factor; export the cookies from a browser instead."""


class SessionExpired(AuthError):
    """Credentials were given and are no longer accepted; sign in again."""


class TransportError(HugChatError, OSError):
    """No complete reply came; ``__cause__`` is the error of the layer below."""

    url: str | None = None
    unsure: bool = False  # the request may have reached the server
    lasting: bool = False  # a later try meets it again: a certificate, a name, a password

    def __str__(self) -> str:
        return str(self.args[0]) if self.args else ""


class ConnectionFailed(TransportError, ConnectionError):
    """The connection could not be made, or broke; check the address and the network."""


class TimedOut(TransportError, TimeoutError):
    """It timed out; ``phase`` is "connect", "idle", "progress" or "total"."""

    phase: str = ""
    partial: str = ""
    is_earlier: bool = False  # partial is of an earlier answer, which goes on; nothing was sent


class WorkerLost(TransportError):
    """The worker that was to answer a prompt is gone; ``partial`` is what the server kept of it.

    A result with ``asked=False`` was not sent and can be asked again; any other may have been.
    """

    partial: str = ""


class ServerError(HugChatError):
    """A complete reply with a bad status: ``status``, ``url``, ``body``, ``error_id``."""

    status: int | None = None
    url: str | None = None
    body: str = ""
    error_id: str | None = None


class BadRequest(ServerError):
    """The server does not take these values (400); its sentence says which."""


class NotFound(ServerError):
    """The server does not have this (404)."""


class ConversationNotExistError(NotFound, ValueError):
    """The conversation is not there, or not yours; ``status`` is ``None`` if nothing was sent."""


class ModelNotFound(BadRequest, ValueError):
    """The server does not offer this model; ``nearest`` holds the closest names it has."""

    model: str = ""
    nearest: tuple[str, ...] = ()


class ModelGone(ServerError):
    """The model of this conversation was withdrawn (410); start a new conversation."""


class TooLarge(ServerError):
    """A file or a request is larger than the server takes (413); send less."""


class RateLimited(ServerError):
    """Too many requests (429); wait ``retry_after`` seconds, if the server or its era says so."""

    retry_after: float | None = None
    is_from_reply: bool = False  # the reply itself said how long


class ConversationLimit(RateLimited):
    """Too many conversations, or too many messages in this one; delete some, or start a new one."""


class Unavailable(ServerError):
    """The server, or a gateway before it, has trouble (5xx); try later."""


class ProtocolError(HugChatError):
    """A reply is not in a shape we know; ``line`` or ``field`` shows where."""

    line: str = ""
    field: str = ""
    url: str | None = None


class UnknownDialect(ProtocolError):
    """No known server era answers like this; name one with ``dialect=``, or check the address."""


class GenerationError(HugChatError):
    """The server took the message, but the model failed; ``partial`` holds what had come."""

    partial: str = ""
    status_code: int | None = None


class ModelOverloaded(GenerationError):
    """The model is overloaded; a later try may work."""


class QuotaExceeded(GenerationError, ServerError):
    """The account is out of credits (402); a later try works only after topping up."""


class IncompleteAnswer(GenerationError):
    """The answer ended early, or was closed; ``partial`` holds what had come."""


class FeatureUnavailable(HugChatError):
    """The server has no such thing: ``feature``, ``dialect``, ``available`` (eras that have it)."""

    feature: str = ""
    dialect: str = ""
    available: tuple[str, ...] = ()


class HugChatDeprecationWarning(FutureWarning):
    """What was asked for is gone from the connected server; the text says what happens instead."""


class CookieFileWarning(UserWarning):
    """Renewed cookies could not be written back; the answer is good, the file is older."""


#: What a bad status is raised as; 5xx not named here is :class:`Unavailable`.
STATUS_ERRORS: dict[int, type[HugChatError]] = {
    400: BadRequest,
    401: AuthError,
    402: QuotaExceeded,
    403: AuthError,
    404: NotFound,
    405: BadRequest,
    409: BadRequest,
    410: ModelGone,
    413: TooLarge,
    415: BadRequest,
    422: BadRequest,
    429: RateLimited,
}

#: What the reader of each class can do; appended where the server's own sentence says no more.
ADVICE: dict[type[HugChatError], str] = {
    AuthError: "sign in, or pass cookies",
    QuotaExceeded: "top up the account, or choose another model",
    ModelGone: "start a new conversation with another model",
    TooLarge: "send less",
    RateLimited: "wait before the next try",
    Unavailable: "try again later",
    NotFound: "check the id",
    BadRequest: "check the values",
}


def status_error(
    status: int,
    sentence: str,
    *,
    url: str = "",
    body: str = "",
    error_id: str | None = None,
    kind: type[HugChatError] | None = None,
    advice: str | None = None,
    who: str = "the server",
    **facts: Any,
) -> HugChatError:
    """Return the error for a bad status, with the server's sentence and our advice.

    :param sentence: what the server said; may be empty.
    :param body: the reply's text; the first 2048 characters are kept.
    :param kind: a better class than the status alone gives.
    :param advice: better advice than the class alone gives.
    :param who: answered, if it was not the server itself.
    :param facts: further attributes of the error.
    """
    usual = Unavailable if status >= 500 else ServerError
    kind = kind or STATUS_ERRORS.get(status, usual)
    advice = ADVICE.get(kind, "") if advice is None else advice
    said = sentence.strip()[:300] or "no reason given"
    message = f"{who} answered {status}: {said}"
    return kind(
        f"{message} ({advice})" if advice else message,
        status=status,
        url=url,
        body=body[:_BODY_KEPT],
        error_id=error_id,
        **facts,
    )


def warn_of_change(text: str) -> None:
    """Warn that something is gone, at the line outside this package that led here."""
    level, frame = 2, sys._getframe(1)
    package = __name__.partition(".")[0]
    while frame.f_back is not None and frame.f_globals["__name__"].startswith(package):
        level, frame = level + 1, frame.f_back
    warnings.warn(text, HugChatDeprecationWarning, stacklevel=level)


def model_not_found(name: str, names: Sequence[str], **facts: Any) -> ModelNotFound:
    """Return the error for a model that is none of *names*, with those that look like it."""
    nearest = _nearest(name, names) or tuple(names[:3])
    sentence = f"the server does not offer the model {name!r}; near are {', '.join(nearest)}"
    return ModelNotFound(sentence, **facts, model=name, nearest=nearest)


def _nearest(name: str, names: Sequence[str]) -> tuple[str, ...]:
    """Return up to three of *names* that look like *name*, the closest first."""
    try:
        from difflib import get_close_matches  # here: only a mistake needs it
    except OSError:  # there is no file left to open
        return ()
    lowered = {offered.lower(): offered for offered in names}
    found = get_close_matches(name.lower(), list(lowered), n=3, cutoff=0.3)
    return tuple(lowered[hit] for hit in found)
