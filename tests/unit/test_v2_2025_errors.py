"""Every kind of bad reply that was recorded, and the error that it is."""

from __future__ import annotations

import pickle

import pytest
from answers import prompt
from exchanges import reply
from sampling import each

from hugchat_sync.calls import Reply
from hugchat_sync.dialects import load_dialect
from hugchat_sync.errors import (
    AuthError,
    BadRequest,
    ConversationLimit,
    ConversationNotExistError,
    HugChatError,
    ModelGone,
    ModelNotFound,
    NotFound,
    QuotaExceeded,
    RateLimited,
    TooLarge,
    Unavailable,
)

ERA = "v2-2025"
V2 = load_dialect(ERA)
NO_ACCESS = "You don't have access to this conversation."
UNEXPECTED = "An error occurred"
NO_ORIGIN = "need to have an origin"
LOGGED_OUT = "You have to be logged in."
GONE, PAGE = "Conversation not found", "an HTML page"

# fmt: off
ERRORS: list[tuple[str, type[HugChatError], str]] = [
    ("a07-model-unknown", NotFound, "Model not found"),
    ("b06-create-not-json", Unavailable, UNEXPECTED),
    ("c03-parent-omitted", Unavailable, UNEXPECTED),
    ("d04-retry-user-without-text", Unavailable, "Failed to create message"),
    ("d05-retry-unknown", NotFound, "Message not found"),
    ("d13-delete-message-v2-again", NotFound, "Message not found"),
    ("e04-output-unknown", NotFound, "File not found"),
    ("e10-file-11MB", TooLarge, "File too large, should be <10MB"),
    ("e11-body-over-limit", TooLarge, UNEXPECTED),
    ("e17-output-stranger", ConversationNotExistError, GONE),
    ("g01-no-origin", AuthError, NO_ORIGIN),
    ("g02-no-origin-json", AuthError, NO_ORIGIN),
    ("g03-foreign-origin", AuthError, "Invalid referer for POST request"),
    ("g07-no-data-field", BadRequest, "Invalid request"),
    ("g11-conversation-unknown", ConversationNotExistError, GONE),
    ("g14-conversation-of-another", ConversationNotExistError, GONE),
    ("g19-get-conversation-json", BadRequest, "GET method not allowed"),
    ("g22-unknown-route", NotFound, PAGE),
    ("g24-outside-base", NotFound, "Not found"),
    ("g26-v2-bad-id", BadRequest, "Invalid conversation ID format"),
    ("g28-v2-unknown", ConversationNotExistError, GONE),
    ("g29-v2-of-another", ConversationNotExistError, NO_ACCESS),
    ("g39-stream-unknown", ConversationNotExistError, GONE),
    ("h05-rename-too-long-v2", BadRequest, "Title must be a string between 1 and 100 characters"),
    ("h10-model-invalid-v2", BadRequest, "Invalid model ID"),
    ("h19-delete-v2-again", ConversationNotExistError, GONE),
    ("i08-import-share-unknown", ConversationNotExistError, GONE),
    ("j06-settings-invalid", Unavailable, UNEXPECTED),
    ("p03-create-anonymous", AuthError, "sign in at 127.0.0.1:8932"),
    ("p05-message-anonymous", AuthError, LOGGED_OUT),
    ("p10-settings-v2-post-anonymous", AuthError, LOGGED_OUT),
    ("p26-export-not-admin", AuthError, "Not admin"),
    ("p36-export-admin-again", RateLimited, "Please wait 1 hour"),
    ("q18-bearer-invalid", Unavailable, UNEXPECTED),
    ("t02-api-v2-list", AuthError, "sign in at 127.0.0.1:8932"),
    ("u01-message-too-long", BadRequest, "Message too long."),
    ("u02-message-4", RateLimited, "You are sending too many messages."),
    ("u03-conversation-5", ConversationLimit, "maximum number of conversations"),
    ("u05-rate-limited-html", BadRequest, PAGE),
    ("u08-too-many-messages", ConversationLimit, "more than 9 messages"),
    ("x06-filename-star", Unavailable, UNEXPECTED),
    ("x10-elicitation-bad-content", BadRequest, '"name" is required.'),
    ("x10-elicitation-unknown", NotFound, "Unknown elicitation."),
    ("x12-elicitation-answered-twice-accept", BadRequest, "Already answered."),
    ("2507-b31-conversation-v2-foreign", ConversationNotExistError, NO_ACCESS),
    ("2507-h22-rename-v2-empty", BadRequest, "does not take the body"),
    ("2507-h24-model-v2-bad", BadRequest, "Invalid model ID"),
    ("2507-h27-delete-v2-again", ConversationNotExistError, GONE),
    ("2507-i23-settings-v2-bad", Unavailable, "Expected object, received number"),
    ("2507-n06-v2-patch", AuthError, LOGGED_OUT),
    ("2507-o03-create-before-modal", BadRequest, "accept the welcome modal"),
    ("2507-z1-v2-conversation-unknown", ConversationNotExistError, GONE),
    ("2507-z1-v2-model-unknown", NotFound, "Model not found"),
    ("2507-z1-v2-unknown-path", NotFound, "NOT_FOUND"),
]
# fmt: on


def error_of(name: str) -> HugChatError:
    return V2.chat(prompt()).request.error(reply(ERA, name))


@each(("name", "kind", "said"), ERRORS)
def test_recorded_error(name: str, kind: type[HugChatError], said: str) -> None:
    error = error_of(name)
    assert type(error) is kind
    assert said in str(error)
    assert error.__dict__["status"] == reply(ERA, name).status
    assert error.__dict__["url"].startswith("http")
    again = pickle.loads(pickle.dumps(error))
    assert (type(again), str(again), again.__dict__) == (kind, str(error), error.__dict__)


def test_unexpected_errors_have_an_id_and_a_hint() -> None:
    error = error_of("c03-parent-omitted")
    assert error.__dict__["error_id"] == "48ca428d-e945-478c-80d7-f2cf63664f2e"
    assert "often the values sent are the cause" in str(error)


def test_how_long_to_wait() -> None:
    assert error_of("u02-message-4").__dict__["retry_after"] == 60
    assert error_of("p36-export-admin-again").__dict__["retry_after"] == 3600
    assert getattr(error_of("u03-conversation-5"), "retry_after", None) is None


def test_sign_in_shows_no_secret_of_the_address() -> None:
    error = error_of("p03-create-anonymous")
    assert "state=" in reply(ERA, "p03-create-anonymous").headers["location"]
    assert "state=" not in str(error) + repr(error.__dict__)


@pytest.mark.parametrize("name", ["b03-create-invalid-model", "2507-b08-create-invalid-model"])
def test_model_that_is_not_offered(name: str) -> None:
    error = V2.create_conversation("mock/none", "").request.error(reply(ERA, name))
    assert isinstance(error, ModelNotFound)
    assert error.model == "mock/none"
    assert "'mock/none'" in str(error)


def test_creation_has_other_errors_as_well() -> None:
    error = V2.create_conversation("m", "").request.error(reply(ERA, "u03-conversation-5"))
    assert type(error) is ConversationLimit


def plain(status: int, body: bytes, kind: str = "text/plain") -> HugChatError:
    return V2.chat(prompt()).request.error(Reply(status, {"content-type": kind}, body))


@each(
    ("status", "body", "kind"),
    [
        (402, b'{"message":"pay"}', QuotaExceeded),
        (410, b'{"message":"Model not available anymore"}', ModelGone),
        (429, b'{"message":"Exceeded number of messages before login"}', AuthError),
        (429, b"", RateLimited),
        (502, b"<html><head><title>502 Bad Gateway</title></head></html>", Unavailable),
        (503, b"", Unavailable),
        (504, b"upstream timed out", Unavailable),
        (403, b"This server is closed", AuthError),
        (404, b"\xff\xfe", NotFound),
        (418, b"{}", HugChatError),
    ],
)
def test_other_bad_replies(status: int, body: bytes, kind: type[HugChatError]) -> None:
    error = plain(status, body)
    assert isinstance(error, kind)
    assert str(status) in str(error)


def test_a_gateways_page_is_named_and_is_not_our_fault() -> None:
    error = plain(502, b"<html><head><title>502 Bad Gateway</title></head></html>", "text/html")
    assert 'an HTML page titled "502 Bad Gateway" (try again later)' in str(error)
