"""The tree of errors: bases, statuses, advice, pickling, no secrets."""

from __future__ import annotations

import pickle
import warnings

import pytest
from sampling import each

from hugchat_sync import errors
from hugchat_sync.errors import (
    ADVICE,
    STATUS_ERRORS,
    HugChatDeprecationWarning,
    HugChatError,
    model_not_found,
    status_error,
    warn_of_change,
)

TREE = {
    "UsageError": ["HugChatError", "ValueError"],
    "AuthError": ["HugChatError"],
    "LoginFailed": ["AuthError"],
    "WrongPassword": ["LoginFailed"],
    "ConsentMissing": ["LoginFailed"],
    "ChallengeRequired": ["LoginFailed"],
    "TwoFactorRequired": ["LoginFailed"],
    "SessionExpired": ["AuthError"],
    "TransportError": ["HugChatError", "OSError"],
    "ConnectionFailed": ["TransportError", "ConnectionError"],
    "TimedOut": ["TransportError", "TimeoutError"],
    "WorkerLost": ["TransportError"],
    "ServerError": ["HugChatError"],
    "BadRequest": ["ServerError"],
    "NotFound": ["ServerError"],
    "TooLarge": ["ServerError"],
    "ModelGone": ["ServerError"],
    "Unavailable": ["ServerError"],
    "ConversationNotExistError": ["NotFound", "ValueError"],
    "ModelNotFound": ["BadRequest", "ValueError"],
    "RateLimited": ["ServerError"],
    "ConversationLimit": ["RateLimited"],
    "ProtocolError": ["HugChatError"],
    "UnknownDialect": ["ProtocolError"],
    "GenerationError": ["HugChatError"],
    "ModelOverloaded": ["GenerationError"],
    "QuotaExceeded": ["GenerationError"],
    "IncompleteAnswer": ["GenerationError"],
    "FeatureUnavailable": ["HugChatError"],
}
BUILTIN = {
    "ValueError": ValueError,
    "OSError": OSError,
    "ConnectionError": ConnectionError,
    "TimeoutError": TimeoutError,
}

FACTS = {
    "LoginFailed": {"step": "password"},
    "TransportError": {"url": "http://x", "unsure": True},
    "TimedOut": {"phase": "idle", "partial": "half"},
    "ServerError": {"status": 400, "url": "http://x", "body": "{}", "error_id": "e"},
    "ConversationNotExistError": {"status": None},
    "ModelNotFound": {"model": "m", "nearest": ("n",)},
    "RateLimited": {"retry_after": 60.0},
    "ProtocolError": {"line": "<html>", "field": "json"},
    "GenerationError": {"partial": "half", "status_code": 500},
    "IncompleteAnswer": {"partial": "half"},
    "FeatureUnavailable": {"feature": "files", "dialect": "lines-2023", "available": ("v2-2025",)},
}


@each(("name", "bases"), TREE.items())
def test_error_has_the_bases_of_the_contract(name, bases):
    kind = getattr(errors, name)

    for base in bases:
        assert issubclass(kind, BUILTIN.get(base) or getattr(errors, base))


def test_tree_is_whole():
    found = {
        name
        for name, value in vars(errors).items()
        if isinstance(value, type) and issubclass(value, HugChatError)
    }

    assert found == {"HugChatError", *TREE}


@each("name", ["HugChatError", *TREE])
def test_docstring_is_a_sentence_that_says_when(name):
    sentence = getattr(errors, name).__doc__

    assert sentence.rstrip().endswith(".")
    assert len(sentence) > 30


@each("name", ["HugChatError", *TREE])
@each("protocol", [0, 2, pickle.HIGHEST_PROTOCOL])
def test_error_pickles_with_its_sentence_and_its_facts(name, protocol):
    error = getattr(errors, name)("the sentence", **FACTS.get(name, {}))

    copy = pickle.loads(pickle.dumps(error, protocol))

    assert (type(copy), str(copy), copy.args) == (type(error), "the sentence", ("the sentence",))
    assert vars(copy) == vars(error) == FACTS.get(name, {})


@each("name", ["HugChatError", *TREE])
def test_error_without_facts_has_their_defaults(name):
    error = getattr(errors, name)()

    assert str(error) == ""
    assert [fact for fact in FACTS.get(name, {}) if not hasattr(error, fact)] == []


@each(
    ("status", "name"),
    [
        (400, "BadRequest"),
        (401, "AuthError"),
        (402, "QuotaExceeded"),
        (403, "AuthError"),
        (404, "NotFound"),
        (405, "BadRequest"),
        (409, "BadRequest"),
        (410, "ModelGone"),
        (413, "TooLarge"),
        (418, "ServerError"),
        (429, "RateLimited"),
        (500, "Unavailable"),
        (502, "Unavailable"),
        (503, "Unavailable"),
        (504, "Unavailable"),
        (599, "Unavailable"),
    ],
)
def test_class_of_a_status(status, name):
    assert type(status_error(status, "")) is getattr(errors, name)


@each(
    "kind",
    sorted({*STATUS_ERRORS.values(), errors.Unavailable}, key=lambda kind: kind.__name__),
)
def test_every_class_of_a_status_comes_with_advice(kind):
    assert ADVICE[kind]


def test_sentence_of_the_server_and_advice_are_both_told():
    error = status_error(410, "Model not available anymore", url="http://x/chat", body="{}")

    assert str(error) == (
        "the server answered 410: Model not available anymore "
        "(start a new conversation with another model)"
    )
    assert (error.status, error.url, error.body) == (410, "http://x/chat", "{}")


def test_silence_of_the_server_is_told():
    assert "no reason given" in str(status_error(503, " "))


def test_body_is_kept_to_two_kilobytes():
    assert len(status_error(500, "", body="x" * 9999).body) == 2048


def test_sentence_is_kept_short():
    assert len(str(status_error(500, "x" * 9999))) < 400


def test_transport_error_shows_its_sentence_only():
    error = errors.TransportError("the line broke", url="http://x")

    assert str(error) == "the line broke"


@pytest.mark.parametrize(
    ("name", "nearest"),
    [
        ("llama-3", ("meta/llama-3-70b",)),
        ("META/LLAMA-3-70B", ("meta/llama-3-70b",)),
        ("zzz", ("meta/llama-3-70b", "omni", "qwen/qwen-3")),
    ],
)
def test_nearest_names(name, nearest):
    error = model_not_found(name, ["meta/llama-3-70b", "omni", "qwen/qwen-3"])

    assert error.nearest[: len(nearest)] == nearest


def test_warning_is_shown_even_outside_the_main_module():
    assert issubclass(HugChatDeprecationWarning, FutureWarning)


def test_warning_points_at_the_line_that_called_us():
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        warn_of_change("gone")

    assert [one.filename for one in caught] == [__file__]


def test_error_that_an_earlier_release_pickled_is_read():
    written = (
        b"chugchat_sync.errors\n_rebuild\n(chugchat_sync.errors\nTimedOut\n"
        b"(Vgone\nt(dVphase\nVidle\nstR."
    )

    found = pickle.loads(written)

    assert (type(found), str(found), found.phase) == (errors.TimedOut, "gone", "idle")
