"""How a run ends: exit codes, and the one line that says what happened and what to do."""

from __future__ import annotations

import re
from typing import Iterable

from .. import errors
from ..errors import HugChatError

OK = 0
OTHER = 1
USAGE = 2
AUTHENTICATION = 3
LATER = 4
FAILED = 5
TIMEOUT = 6
SIGNAL = 128  # and the number of the signal that ended the program, such as 2 for Ctrl-C

#: The first class that fits gives the code: what is told apart stands before its bases.
_CODES: tuple[tuple[type[HugChatError], int], ...] = (
    (errors.RateLimited, LATER),
    (errors.QuotaExceeded, LATER),
    (errors.ModelOverloaded, LATER),
    (errors.UsageError, USAGE),
    (errors.ModelNotFound, USAGE),
    (errors.ConversationNotExistError, USAGE),
    (errors.AuthError, AUTHENTICATION),
    (errors.TimedOut, TIMEOUT),
    (errors.FeatureUnavailable, OTHER),
    (errors.ServerError, FAILED),
    (errors.TransportError, FAILED),
    (errors.GenerationError, FAILED),
    (errors.ProtocolError, FAILED),
)

#: What to do, where the sentence of the error itself speaks to a program.
_ADVICE: tuple[tuple[type[HugChatError], str], ...] = (
    (errors.ModelNotFound, "'hugchat-sync models' lists them"),
    (errors.ConversationNotExistError, "'hugchat-sync ls' lists them"),
    (errors.ChallengeRequired, "'hugchat-sync login --cookies FILE' keeps them"),
    (errors.AuthError, "sign in with 'hugchat-sync login'"),
    (errors.ConnectionFailed, "check the address and the network, or try --local"),
    (errors.TimedOut, "give --timeout more seconds, or try again later"),
)


#: The errors speak to Python; whoever reads them here has options and commands.
_WORDS: tuple[tuple[str, str], ...] = (
    (r"pass allow_insecure=True|allow_insecure=True", "give --allow-insecure"),
    (r"\bas base_url\b|\bbase_url=?", "with --base-url"),
    (r"pass them as cookies=", "give them with --cookies FILE"),
    (r"pass (?:the )?new (?:cookies|ones)", "give new ones with --cookies FILE"),
    (r"pass (?:the )?cookies\b(?! token)", "give cookies with --cookies FILE"),
    (
        r"pass the cookies token and hf-chat",
        "give with --cookies FILE the cookies token and hf-chat",
    ),
    (r"name one with model=", "name one with -m"),
    (r"(?:as|see) models\(\)(?: gives them)?|models\(\)", "see 'hugchat-sync models'"),
    (r"fetch_conversations\(\) reads them again", "'hugchat-sync ls' lists them"),
    (r"set_system_prompt\(model, prompt\)", "'hugchat-sync system MODEL PROMPT'"),
    (r": update_settings\(ethics_modal_accepted=True\)", ", in a browser"),
    (r", and dialect= names an era without asking", ""),
    (r"\.partial has what (?:came|there is of it)", "what came is shown"),
    (r"; history\(\) has their ids", ""),
    (r"Client\.history\(\) what", "'hugchat-sync show ID' prints what"),
    (r"give the name of one as web_search=", "in 'hugchat-sync chat', /web NAME takes one"),
    (r"\bweb_search=True\b", "-w"),
    (r"; give \(name, bytes, mime\) instead", ""),
    (r"\bmax_per_minute\b", "--max-per-minute"),
)

#: The codes of failures in a batch, the worst first: what stops all the others, too, and so on.
_WORST = (AUTHENTICATION, LATER, TIMEOUT, FAILED, USAGE, OTHER)


def exit_code(error: HugChatError | OSError) -> int:
    """Return the exit code that goes with an error."""
    if isinstance(error, errors.TooLarge) and error.status is None:
        return USAGE  # it was found out here, and nothing was sent
    return _code_of(type(error))


def _code_of(found: type[Exception]) -> int:
    return next((code for kind, code in _CODES if issubclass(found, kind)), OTHER)


def worst_code(names: Iterable[str]) -> int:
    """Return the exit code of a batch with failures of these names."""
    kinds = (getattr(errors, name, None) for name in names)
    codes = {_code_of(kind) if isinstance(kind, type) else OTHER for kind in kinds}
    return next((code for code in _WORST if code in codes), OK)


def describe(error: HugChatError | OSError) -> str:
    """Return one line: what happened, and what to do about it."""
    if not isinstance(error, HugChatError):
        where = f": {error.filename}" if error.filename else ""
        return f"{error.strerror or error}{where}"
    text = reword(" ".join(str(error).split())) or type(error).__name__
    for kind, advice in _ADVICE:
        if isinstance(error, kind):
            # a gateway, and an address that the server does not know, want no sign-in
            fits = kind is not errors.AuthError or "sign" in text
            return f"{text}; {advice}" if fits else text
    return text


def reword(text: str) -> str:
    """Return what an error says with the names that things have on the command line."""
    for theirs, ours in _WORDS:
        text = re.sub(theirs, ours, text)
    return text
