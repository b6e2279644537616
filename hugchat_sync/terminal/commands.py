"""The table of commands: what each is called, what it says of itself, what does it, its options."""

from __future__ import annotations

import argparse
import os
from collections import namedtuple

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from typing import Any, Dict, List, Mapping, Tuple, Union

    #: what ``add_argument`` takes; those of a list exclude each other
    Option = Tuple[Tuple[str, ...], Dict[str, Any]]
    Options = Tuple[Union[Option, List[Option]], ...]

TOTAL = 600.0  # seconds that an answer may take

_CONVERSATION = "its id, the beginning of it, its number in 'ls', or last"


#: One command: what ``--help`` says of it; ``module:function`` of this package, which returns an
#: exit code, unless that is 0; its options; what ``--help`` says below them.
Command = namedtuple("Command", "help function options more", defaults=((), None))


def as_text(word: str) -> str:
    """Return a word of the command line as the UTF-8 that it is, in the C locale as well.

    :raises argparse.ArgumentTypeError: it is none.
    """
    try:
        word.encode("utf-8")
    except UnicodeEncodeError:  # bytes that the locale does not know stand in it as surrogates
        try:
            return os.fsencode(word).decode("utf-8")
        except UnicodeError:
            raise argparse.ArgumentTypeError(f"{word!r} is not UTF-8 text") from None
    return word


def _positive(word: str) -> float:
    try:
        number = float(word)
    except ValueError:
        number = 0
    if not 0 < number < 1e9:
        raise argparse.ArgumentTypeError(f"{word!r} is not a number above 0")
    return number


def _count(word: str) -> int:
    if not word.isdecimal() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is not a whole number above 0")
    return int(word)


def _option(names: str, text: str | None = None, **how: Any) -> Option:
    return tuple(names.split()), {"help": text, **how}


def _flag(names: str, text: str, **how: Any) -> Option:
    return _option(names, text, action="store_true", **how)


def _text(names: str, text: str | None = None, **how: Any) -> Option:
    return _option(names, text, type=as_text, **how)


# fmt: off

#: may stand before and behind the command
GLOBALS: Options = (
    _option("--base-url", "the server; default $HUGCHAT_SYNC_BASE_URL, else "
            "https://huggingface.co/chat", metavar="URL"),
    _flag("--local", "use the embedded server: no account, no network, no model"),
    _option("--cookies", "cookies, as JSON, cookies.txt, HAR, cURL or a header", metavar="FILE"),
    _option("--email", "the account whose saved sign-in to use", metavar="E"),
    _flag("--allow-insecure", "accept a plain http address of another machine"),
    _flag("--verbose", "tell on stderr what is sent and received"),
)

_TIMEOUT = _option("--timeout", f"seconds for the whole answer; default {TOTAL:g}",
                   metavar="S", type=_positive)
#: which conversation an answer is asked in, and how long it may take
_WHERE: Options = (
    _text("-m --model", "the model of the new conversation, or the one that the conversation has; "
          "default $HUGCHAT_SYNC_MODEL, else the account's"),
    _text("-s --system", "the system prompt of a new one", metavar="TEXT"),
    [
        _flag("-c --continue", "go on in the latest conversation", dest="latest"),
        _option("--conversation", f"go on in this one: {_CONVERSATION}", metavar="ID"),
    ],
    _flag("-w --web-search", "search the web first"),
    _TIMEOUT,
)
_LIST = _flag("--json", "print a JSON array of records")
_ID = _option("id", _CONVERSATION, metavar="ID")

COMMANDS: Mapping[str, Command] = {
    "ask": Command("ask one question; the answer is on stdout", "ask:ask", (
        _text("prompt", "the question; '-', or none with a piped stdin: read stdin; with both, "
              "stdin is appended as context", nargs="?", metavar="PROMPT"),
        *_WHERE,
        _option("-f --file", "attach a file, '-' is stdin; may be repeated",
                action="append", default=[], metavar="FILE"),
        _flag("--json", "print one JSON event a line"),
        [
            _flag("--stream", "print the answer as it comes (default on a terminal)", default=None),
            _option("--no-stream", "print the answer once it is whole (default elsewhere)",
                    dest="stream", action="store_false"),
        ],
        _flag("-x --extract", "print only the first fenced code block"),
        _flag("--temporary", "remove the conversation afterwards"),
        _flag("--no-input", "read no stdin, ask nothing"),
    )),
    "chat": Command("the interactive program; /help lists its commands", "chat:chat", _WHERE),
    "login": Command(
        "sign in with a password, or with --cookies FILE|- from a browser, and stay so",
        "accounts:login",
        (
            _option("address", "the account", nargs="?", metavar="EMAIL"),
            _flag("--password-stdin", "read the password from stdin"),
        ),
    ),
    "logout": Command(
        "forget the kept cookies, and end their session at the server",
        "accounts:logout",
        (
            _flag("--everywhere", "end the session at the server also where it was taken from a "
                  "browser, which is signed out with it"),
        ),
    ),
    "whoami": Command("print who is signed in", "accounts:whoami"),
    "check": Command(
        "print who is signed in, what is missing, and what the server can do",
        "accounts:check",
        (_LIST,),
    ),
    "models": Command("list the models", "models:list_models", (_LIST,)),
    "ls": Command("list the conversations, the newest first", "conversations:list_conversations",
                  (_LIST,)),
    "show": Command("print a conversation", "conversations:show", (_LIST, _ID)),
    "rename": Command("give a conversation another title", "conversations:rename",
                      (_ID, _text("title", metavar="TITLE"))),
    "rm": Command("delete conversations", "conversations:remove", (
        _option("ids", f"each {_CONVERSATION}", nargs="*", metavar="ID"),
        _flag("--all", "all conversations of the account"),
        _flag("--yes", "do not ask whether --all is meant"),
    )),
    "share": Command("publish a conversation and print its address", "conversations:share", (_ID,)),
    "system": Command("print or set the system prompt kept for a model", "models:system_prompt", (
        _text("model", metavar="MODEL"),
        _text("prompt", "'' removes it, '-' is stdin", nargs="?", metavar="PROMPT"),
    )),
    "export": Command("write conversations to <id>.<format>", "conversations:export", (
        _option("ids", f"each {_CONVERSATION}; default all of them", nargs="*", metavar="ID"),
        _option("--format", choices=("md", "json", "html", "txt"), default="md"),
        _option("-o --output", "default: here", metavar="DIR", default="."),
    )),
    "batch": Command("answer many prompts from a file into another", "batch:batch", (
        _option("source", "JSON lines, plain text, or a table; '-' is stdin", metavar="IN"),
        _option("target", "JSON lines, or a table if it ends in .csv; what is in it is not asked "
                "again; '-' is stdout", metavar="OUT"),
        _option("--format", "of IN; default: what its name ends in",
                choices=("jsonl", "txt", "csv")),
        _option("--column", "of a table, the one with the prompts; default: prompt",
                metavar="NAME"),
        _text("-m --model", "the model for all prompts"),
        _text("-s --system", "the system prompt for all", metavar="TEXT"),
        _flag("-w --web-search", "search the web for all"),
        _option("--workers", "prompts at a time; default 4, or the executor's", metavar="N",
                type=_count),
        _option("--max-per-minute", metavar="M", type=_positive),
        _flag("--retry-failed", "ask again what is in OUT with an error"),
        _flag("--keep-going", "ask on after errors that all the others would meet, such as a quota "
              "that is used up"),
        [
            _option("--dask", "answer on the workers of a Dask cluster", metavar="ADDRESS"),
            _option("--executor", "answer in what this function returns, a "
                    "concurrent.futures.Executor", metavar="MODULE:FACTORY"),
        ],
        _TIMEOUT,
    ),
        'A line of IN is a JSON text, or {"prompt": TEXT, "id": ANY, OPTION: VALUE ...} with the '
        "options model, system_prompt, conversation_id, web_search, files, mcp_servers, parent_id, "
        'max_tries, resume. A line of OUT is {"index", "id", "prompt", "text", "error", '
        '"seconds"}, in the order in which answers are complete. Lines are numbered from 1, index '
        "from 0.",
    ),
    "serve": Command("run the embedded server until Ctrl-C", "embedded:serve", (
        _option("--host", metavar="H", default="127.0.0.1"),
        _option("--port", "0 takes a free one", metavar="P", type=int, default=8080),
        _option("--db", "keep conversations in a SQLite file", metavar="FILE"),
        [
            _option("--docs", "a folder to answer from", metavar="DIR"),
            _option("--upstream", "relay to Ollama, llama.cpp, vLLM or the like", metavar="URL"),
        ],
        _option("--token", "what clients must show, needed for hosts that others reach; better "
                "told in $HUGCHAT_SYNC_SERVE_TOKEN"),
    )),
}
