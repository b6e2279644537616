"""How a step of a sign-in fails: each failure names its step and the way out."""

from __future__ import annotations

from contextlib import contextmanager
from typing import Callable, Iterable, Iterator

from ...calls import Reply
from ...errors import ConsentMissing, HugChatError, LoginFailed
from .pages import Step, obstacle, read_page, refusal


def refuse(problem: HugChatError | None) -> None:
    """Raise what stands in the way, if anything does."""
    if problem is not None:
        raise problem


def failed(step: str, why: str, kind: type[LoginFailed] = LoginFailed) -> LoginFailed:
    """Return the error of a step, with the way out in its sentence."""
    return kind(f"sign-in, step {step!r}: {why}", step=step)


def signed_out() -> LoginFailed:
    """Return the error which says that the hub wants the password."""
    return failed(Step.AUTHORIZE, "the hub does not know us: sign in with the password again")


def no_consent(reply: Reply, origin: str) -> HugChatError:
    """Return what is wrong with a page that should be the one for consent."""
    found = obstacle(reply, Step.AUTHORIZE)
    if found is not None:
        return found
    page = read_page(reply)
    if page.asks_password or reply.status == 401:
        return signed_out()
    if reply.status != 200:
        return refusal(reply, Step.AUTHORIZE)
    named = f' ("{page.title}")' if page.title else ""
    return failed(
        Step.AUTHORIZE,
        f"{origin} shows a page{named} without a form to give consent with; open the chat in a "
        "browser once and allow it there",
        ConsentMissing,
    )


@contextmanager
def at_step(name: str, secrets: Callable[[], Iterable[str]]) -> Iterator[None]:
    """Say in every error that passes at which step it happened, and take *secrets* out of it."""
    try:
        yield
    except HugChatError as error:
        if not isinstance(error, LoginFailed):  # that says so already
            error.step = name
            error.args = (f"sign-in, step {name!r}: {error}",)
        error.hide(secrets())
        raise
