"""The names, parameters and defaults of the wiki, as a table."""

from __future__ import annotations

import importlib
import inspect
import subprocess
import sys

import pytest
from sampling import each

import hugchat_sync
from hugchat_sync import Bot, Client, HuggingChat, Message, Sign
from hugchat_sync.records import RequestData

NONE = inspect.Parameter.empty

#: (class, method) → its parameters after ``self``, with their defaults
POSITIONAL = {
    (HuggingChat, "getBot"): [("email", None), ("cookies", None), ("model", None)],
    (HuggingChat, "getSign"): [("email", NONE), ("passwd", None)],
    (Bot, "fetchConversations"): [("wait", True)],
    (Bot, "chat"): [
        ("text", NONE),
        ("conversation_id", None),
        ("web_search", False),
        ("max_tries", 3),
        ("custom_data", None),
    ],
    (Bot, "setSystemPrompt"): [("model", NONE), ("prompt", NONE), ("wait", True)],
    (Bot, "setSystemPrompts"): [("prompts", NONE), ("wait", True)],
    (Bot, "updateTitle"): [("conversation_id", NONE), ("wait", True)],
    (Bot, "createConversation"): [("wait", True)],
    (Bot, "removeConversation"): [("conversation_id", NONE), ("wait", True)],
    (Bot, "getHistoriesByID"): [("conversation_id", None), ("wait", True)],
    (Bot, "getConversations"): [],
    (Bot, "switchConversation"): [("conversation_id", NONE)],
    (Message, "isDone"): [],
    (Message, "getText"): [],
    (Message, "getFinalText"): [],
    (Message, "getWebSearchSteps"): [],
    (Message, "getWebSearchStep"): [],
    (Message, "getConversation"): [],
    (Message, "tokens"): [],
    (Message, "text"): [],
    (Message, "wait"): [("timeout", None)],
    (Message, "stop"): [],
    (Message, "close"): [],
    (Client, "ask"): [
        ("text", NONE),
        ("conversation_id", None),
        ("web_search", False),
        ("max_tries", 3),
        ("custom_data", None),
    ],
    (Client, "retry"): [("message_id", NONE), ("conversation_id", None)],
    (Client, "edit"): [
        ("message_id", NONE),
        ("text", NONE),
        ("conversation_id", None),
        ("files", ()),
    ],
    (Client, "stop"): [("conversation_id", None)],
    (Client, "fetch_conversations"): [],
    (Client, "list_conversations"): [],
    (Client, "create_conversation"): [("model", None), ("system_prompt", None)],
    (Client, "remove_conversation"): [("conversation_id", NONE)],
    (Client, "remove_all_conversations"): [],
    (Client, "rename_conversation"): [("conversation_id", NONE), ("title", NONE)],
    (Client, "update_title"): [("conversation_id", NONE)],
    (Client, "switch_conversation"): [("conversation_id", NONE)],
    (Client, "history"): [("conversation_id", None)],
    (Client, "conversation"): [("conversation_id", None)],
    (Client, "remove_message"): [("message_id", NONE), ("conversation_id", None)],
    (Client, "set_system_prompt"): [("model", NONE), ("prompt", NONE)],
    (Client, "set_system_prompts"): [("prompts", NONE)],
    (Client, "settings"): [],
    (Client, "models"): [],
    (Client, "whoami"): [],
    (Client, "check"): [],
    (Client, "share"): [("conversation_id", None)],
    (Client, "import_share"): [("url_or_id", NONE)],
    (Client, "download"): [("file", NONE), ("path", NONE), ("conversation_id", None)],
    (Client, "list_mcp_servers"): [],
    (Client, "mcp_health"): [("url", NONE), ("headers", None)],
    (Client, "transcribe"): [("audio", NONE), ("mime", None)],
    (Client, "answer_elicitation"): [
        ("elicitation_id", NONE),
        ("action", NONE),
        ("content", None),
        ("conversation_id", None),
    ],
    (Client, "temporary_conversation"): [("model", None), ("system_prompt", None)],
    (Client, "map"): [("prompts", NONE)],
    (Client, "close"): [],
    (HuggingChat, "close"): [],
    (Sign, "login"): [("save", False), ("cookie_dir_path", None)],
    (Sign, "saveCookiesToDir"): [("cookie_dir_path", None)],
    (Sign, "loadCookiesFromDir"): [("cookie_dir_path", None)],
}

CHAT = {
    "files": (),
    "mcp_servers": None,
    "parent_id": None,
    "resume": True,
    "model": None,
    "system_prompt": None,
    "timeout": None,
}

#: (class, method) → its keyword-only parameters, with their defaults
KEYWORDS = {
    (HuggingChat, "__init__"): {
        "hub_url": None,
        "token": None,
        "session": None,
        "timeout": None,
        "retries": None,
        "max_workers": 8,
        "dialect": None,
        "max_per_minute": None,
        "allow_insecure": False,
        "max_thread": None,  # the old name of max_workers
    },
    (Client, "__init__"): {
        "email": None,
        "cookies": None,
        "token": None,
        "model": None,
        "session": None,
        "timeout": None,
        "retries": None,
        "dialect": None,
        "max_per_minute": None,
        "allow_insecure": False,
    },
    (Client, "chat"): CHAT,
    (Client, "ask"): {**CHAT, "temporary": False},
    (Client, "with_options"): {"timeout": None, "retries": None, "model": None},
    (Client, "map"): {
        "workers": None,
        "max_per_minute": None,
        "executor": None,
        "temporary": True,
        "ordered": True,
        "chunk": 1,
        "ship_cookies": True,
    },
    (Sign, "__init__"): {
        "base_url": None,
        "hub_url": None,
        "session": None,
        "allow_insecure": False,
    },
}

TOP = (
    "HuggingChat",
    "ListBots",
    "Bot",
    "Sign",
    "Message",
    "Client",
    "Timeout",
    "Retry",
    "events",
    "errors",
    "HugChatError",
    "UsageError",
    "AuthError",
    "LoginFailed",
    "WrongPassword",
    "ConsentMissing",
    "ChallengeRequired",
    "TwoFactorRequired",
    "SessionExpired",
    "TransportError",
    "ConnectionFailed",
    "TimedOut",
    "ServerError",
    "BadRequest",
    "NotFound",
    "TooLarge",
    "ModelGone",
    "Unavailable",
    "ConversationNotExistError",
    "ModelNotFound",
    "RateLimited",
    "ConversationLimit",
    "ProtocolError",
    "UnknownDialect",
    "GenerationError",
    "ModelOverloaded",
    "QuotaExceeded",
    "IncompleteAnswer",
    "FeatureUnavailable",
    "HugChatDeprecationWarning",
    "CookieFileWarning",
)

OLD_PATHS = {
    "core": ["HuggingChat", "ListBots", "Bot", "Sign", "Message"],
    "core.Bot": ["Bot"],
    "core.Message": ["Message"],
    "core.Sign": ["Sign"],
    "core.ListBots": ["ListBots"],
    "core.Exceptions": ["ConversationNotExistError", "HugChatError"],
    "core.config": ["RequestData", "BASE_HOST", "BASE_URL", "BASE_CONVERSATION"],
    "utils": [
        "formatHistory",
        "formatConversations",
        "getIdByIndex",
        "getTextFromInput",
        "getTime",
        "getUUID",
        "color",
        "dictToString",
    ],
}


def parameters(owner, name, *kinds):
    found = list(inspect.signature(getattr(owner, name)).parameters.values())[1:]
    return [(one.name, one.default) for one in found if one.kind in kinds]


@each(("place", "expected"), POSITIONAL.items())
def test_parameters_and_defaults_are_those_of_the_contract(place, expected):
    found = parameters(*place, inspect.Parameter.POSITIONAL_OR_KEYWORD)

    assert found == expected


@each(("place", "expected"), KEYWORDS.items())
def test_keyword_parameters_and_defaults_are_those_of_the_contract(place, expected):
    found = parameters(*place, inspect.Parameter.KEYWORD_ONLY)

    assert dict(found) == expected


@pytest.mark.parametrize("kind", [HuggingChat, Client])
def test_base_url_comes_first_and_has_a_default(kind):
    found = parameters(kind, "__init__", inspect.Parameter.POSITIONAL_OR_KEYWORD)

    assert found == [("base_url", None)]


def test_sign_takes_email_and_password_by_position():
    found = parameters(Sign, "__init__", inspect.Parameter.POSITIONAL_OR_KEYWORD)

    assert found == [("email", NONE), ("passwd", None)]


@each("name", TOP)
def test_name_is_exported_at_the_top(name):
    assert name in hugchat_sync.__all__
    assert hasattr(hugchat_sync, name)


def test_every_error_class_is_exported_at_the_top():
    errors = [
        name
        for name, value in vars(hugchat_sync.errors).items()
        if isinstance(value, type) and issubclass(value, (Exception, Warning))
    ]

    assert set(errors) <= set(hugchat_sync.__all__)


@each(("module", "names"), OLD_PATHS.items())
def test_old_module_path_holds_the_old_names(module, names):
    found = importlib.import_module(f"hugchat_sync.{module}")

    assert [name for name in names if not hasattr(found, name)] == []


def test_old_path_hands_out_the_class_where_module_and_class_share_a_name():
    from hugchat_sync.core import Bot as OldBot
    from hugchat_sync.core import ListBots as OldListBots
    from hugchat_sync.core import Message as OldMessage
    from hugchat_sync.core import Sign as OldSign

    found = (OldBot, OldListBots, OldMessage, OldSign)

    assert found == (Bot, hugchat_sync.ListBots, Message, Sign)


def test_addresses_of_the_old_configuration():
    from hugchat_sync.core import config

    found = (config.BASE_HOST, config.BASE_URL, config.BASE_CONVERSATION)

    assert found == (
        "https://huggingface.co",
        "https://huggingface.co/chat",
        "https://huggingface.co/chat/conversation",
    )


def test_bot_is_a_client():
    assert issubclass(Bot, Client)


@each(
    "name",
    ["conversations", "current_conversation", "email", "model", "cookies"],
)
def test_bot_has_the_properties_of_the_wiki(name):
    bot = Bot("http://127.0.0.1:9/chat", email="a@example.org", model="m")

    assert hasattr(bot, name)


def test_cookies_of_a_bot_are_a_jar_of_requests():
    from requests.cookies import RequestsCookieJar

    jar = Bot("http://127.0.0.1:9/chat", cookies={"token": "t"}).cookies

    assert isinstance(jar, RequestsCookieJar)
    assert jar.get_dict() == {"token": "t"}


def test_request_data_has_the_fields_of_both_forms():
    fields = list(inspect.signature(RequestData).parameters)

    assert fields == [
        "inputs",
        "id",
        "response_id",
        "is_retry",
        "web_search",
        "parameters",
        "options",
        "stream",
    ]


def test_request_data_is_a_dataclasses_json_class():
    text = RequestData(inputs="hi", parameters={"top_k": 50}).to_json()

    assert RequestData.from_json(text) == RequestData(inputs="hi", parameters={"top_k": 50})


def test_local_server_is_found_where_the_contract_says():
    local = importlib.import_module("hugchat_sync.local")

    found = inspect.signature(local.LocalServer).parameters

    assert {name: each.default for name, each in found.items()} == {
        "database": None,
        "documents": None,
        "upstream": None,
        "responder": None,
        "faults": (),
        "host": "127.0.0.1",
        "port": 0,
        "token": None,
        "base_path": "/chat",
        "limits": None,
        "delay": 0.0,
    }
    assert {each.kind for each in found.values()} == {inspect.Parameter.KEYWORD_ONLY}


def test_default_address_is_that_of_huggingchat():
    assert Client().base_url == "https://huggingface.co/chat"


def test_address_comes_from_the_environment(monkeypatch):
    monkeypatch.setenv("HUGCHAT_SYNC_BASE_URL", "https://chat.example/ui/")

    assert Client().base_url == "https://chat.example/ui"


@each("path", ["local.LocalServer", "compat.install", "core.Bot", "utils.color"])
def test_name_in_a_package_is_there_without_another_import(path):
    code = f"import hugchat_sync; print(hugchat_sync.{path})"
    subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
