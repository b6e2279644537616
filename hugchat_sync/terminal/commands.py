"""The table of commands: what each is called, what it says of itself, what does it, its options."""

from __future__ import annotations

import argparse
import os

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from typing import Callable, Mapping

_CONVERSATION = "its id, the beginning of it, its number in 'ls', or last"
_TOTAL = 600.0  # seconds that an answer may take


class Command:
    """One command.

    :param text: what ``--help`` says of it.
    :param does: ``module:function`` of this package.
    :param add_options: adds its options to a parser.
    :param loose: its positional words that may stand apart, with options in between.
    """

    def __init__(
        self,
        text: str,
        does: str,
        add_options: Callable[[argparse.ArgumentParser], None] | None = None,
        loose: str = "",
    ) -> None:
        self.text = text
        self.does = does
        self.add_options = add_options
        self.loose = loose


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
            raise argparse.ArgumentTypeError(f"{word!r} is no UTF-8 text") from None
    return word


def _add_new(parser: argparse.ArgumentParser) -> None:
    """Add the options that say which conversation an answer is asked in."""
    parser.add_argument(
        "-m",
        "--model",
        type=as_text,
        help="the model of the new conversation, or the one that the conversation has; default "
        "$HUGCHAT_SYNC_MODEL, else the account's",
    )
    parser.add_argument(
        "-s", "--system", type=as_text, metavar="TEXT", help="the system prompt of a new one"
    )
    which = parser.add_mutually_exclusive_group()
    which.add_argument(
        "-c",
        "--continue",
        dest="latest",
        action="store_true",
        help="go on in the latest conversation",
    )
    which.add_argument("--conversation", metavar="ID", help=f"go on in this one: {_CONVERSATION}")
    parser.add_argument("-w", "--web-search", action="store_true", help="search the web first")
    _add_timeout(parser)


def _add_timeout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--timeout",
        metavar="S",
        type=_seconds,
        help=f"seconds for the whole answer; default {_TOTAL:g}",
    )
    parser.set_defaults(total=_TOTAL)


def _seconds(word: str) -> float:
    try:
        seconds = float(word)
    except ValueError:
        seconds = 0
    if not 0 < seconds < 1e9:
        raise argparse.ArgumentTypeError(f"{word!r} is no number of seconds above 0")
    return seconds


def _count(word: str) -> int:
    if not word.isdigit() or int(word) < 1:
        raise argparse.ArgumentTypeError(f"{word!r} is no whole number above 0")
    return int(word)


def _ask(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "prompt",
        nargs="?",
        type=as_text,
        metavar="PROMPT",
        help="the question; '-', or none with a piped stdin: read stdin; with "
        "both, stdin is appended as context",
    )
    _add_new(parser)
    parser.add_argument(
        "-f",
        "--file",
        action="append",
        default=[],
        metavar="FILE",
        help="attach a file, '-' is stdin; may be repeated",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON event a line")
    stream = parser.add_mutually_exclusive_group()
    stream.add_argument(
        "--stream",
        dest="stream",
        action="store_true",
        default=None,
        help="print the answer as it comes (default on a terminal)",
    )
    stream.add_argument(
        "--no-stream",
        dest="stream",
        action="store_false",
        help="print the answer once it is whole (default elsewhere)",
    )
    parser.add_argument(
        "-x", "--extract", action="store_true", help="print only the first fenced code block"
    )
    parser.add_argument(
        "--temporary", action="store_true", help="remove the conversation afterwards"
    )
    parser.add_argument("--no-input", action="store_true", help="read no stdin, ask nothing")


def _login(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("address", nargs="?", metavar="EMAIL", help="the account")
    parser.add_argument(
        "--password-stdin", action="store_true", help="read the password from stdin"
    )


def _logout(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--everywhere",
        action="store_true",
        help="end the session at the server also where it was taken from a browser, which is "
        "signed out with it",
    )


def _list(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="print a JSON array of records")


def _one(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("id", metavar="ID", help=_CONVERSATION)


def _show(parser: argparse.ArgumentParser) -> None:
    _list(parser)
    _one(parser)


def _rename(parser: argparse.ArgumentParser) -> None:
    _one(parser)
    parser.add_argument("title", type=as_text, metavar="TITLE")


def _rm(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("ids", nargs="*", metavar="ID", help=f"each {_CONVERSATION}")
    parser.add_argument("--all", action="store_true", help="all conversations of the account")
    parser.add_argument("--yes", action="store_true", help="do not ask whether --all is meant")


def _system(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("model", type=as_text, metavar="MODEL")
    parser.add_argument(
        "prompt", nargs="?", type=as_text, metavar="PROMPT", help="'' removes it, '-' is stdin"
    )


def _export(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "ids", nargs="*", metavar="ID", help=f"each {_CONVERSATION}; default all of them"
    )
    parser.add_argument("--format", choices=("md", "json", "html", "txt"), default="md")
    parser.add_argument("-o", "--output", metavar="DIR", default=".", help="default: here")


def _batch(parser: argparse.ArgumentParser) -> None:
    parser.epilog = (
        'A line of IN is a JSON text, or {"prompt": TEXT, "id": ANY, OPTION: VALUE ...} with the '
        "options model, system_prompt, conversation_id, web_search, files, mcp_servers, parent_id, "
        'max_tries, resume. A line of OUT is {"index", "id", "prompt", "text", "error", '
        '"seconds"}, in the order in which answers are complete. Lines are numbered from 1, index '
        "from 0."
    )
    parser.add_argument(
        "source", metavar="IN", help="JSON lines, plain text, or a table; '-' is stdin"
    )
    parser.add_argument(
        "target",
        metavar="OUT",
        help="JSON lines, or a table if it ends in .csv; what is in it is not asked again; '-' is "
        "stdout",
    )
    parser.add_argument(
        "--format", choices=("jsonl", "txt", "csv"), help="of IN; default: what its name ends in"
    )
    parser.add_argument(
        "--column", metavar="NAME", help="of a table, the one with the prompts; default: prompt"
    )
    parser.add_argument("-m", "--model", type=as_text, help="the model for all prompts")
    parser.add_argument(
        "-s", "--system", type=as_text, metavar="TEXT", help="the system prompt for all"
    )
    parser.add_argument("-w", "--web-search", action="store_true", help="search the web for all")
    parser.add_argument(
        "--workers",
        metavar="N",
        type=_count,
        help="prompts at a time; default 4, or the executor's",
    )
    parser.add_argument("--max-per-minute", metavar="M", type=_seconds)
    parser.add_argument(
        "--retry-failed", action="store_true", help="ask again what is in OUT with an error"
    )
    parser.add_argument(
        "--keep-going",
        action="store_true",
        help="ask on after errors that all the others would meet, such as a quota that is used up",
    )
    where = parser.add_mutually_exclusive_group()
    where.add_argument("--dask", metavar="ADDRESS", help="answer on the workers of a Dask cluster")
    where.add_argument(
        "--executor",
        metavar="MODULE:FACTORY",
        help="answer in what this function returns, a concurrent.futures.Executor",
    )
    _add_timeout(parser)


def _serve(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--host", metavar="H", default="127.0.0.1")
    parser.add_argument("--port", metavar="P", type=int, default=8080, help="0 takes a free one")
    parser.add_argument("--db", metavar="FILE", help="keep conversations in a SQLite file")
    parser.add_argument("--docs", metavar="DIR", help="a folder to answer from")
    parser.add_argument(
        "--upstream", metavar="URL", help="relay to Ollama, llama.cpp, vLLM or the like"
    )
    parser.add_argument(
        "--token",
        help="what clients must show, needed for hosts that others reach;"
        " better told in $HUGCHAT_SYNC_SERVE_TOKEN",
    )


COMMANDS: Mapping[str, Command] = {
    "ask": Command("ask one question; the answer is on stdout", "ask:ask", _ask, "prompt"),
    "chat": Command(
        "the interactive program; /help lists its commands", "chat_loop:chat", _add_new
    ),
    "login": Command(
        "sign in with a password, or with --cookies FILE|- from a browser, and stay so",
        "accounts:login",
        _login,
        "address",
    ),
    "logout": Command(
        "forget the kept cookies, and end their session at the server", "accounts:logout", _logout
    ),
    "whoami": Command("print who is signed in", "accounts:whoami"),
    "check": Command(
        "print who is signed in, what is missing, and what the server can do",
        "accounts:check",
        _list,
    ),
    "models": Command("list the models", "models:list_models", _list),
    "ls": Command(
        "list the conversations, the newest first", "conversations:list_conversations", _list
    ),
    "show": Command("print a conversation", "conversations:show", _show),
    "rename": Command("give a conversation another title", "conversations:rename", _rename),
    "rm": Command("delete conversations", "conversations:remove", _rm, "ids"),
    "share": Command("publish a conversation and print its address", "conversations:share", _one),
    "system": Command(
        "print or set the system prompt kept for a model",
        "models:system_prompt",
        _system,
        "prompt",
    ),
    "export": Command("write conversations to <id>.<format>", "export:export", _export, "ids"),
    "batch": Command("answer many prompts from a file into another", "batch_files:batch", _batch),
    "serve": Command("run the embedded server until Ctrl-C", "serve:serve", _serve),
}
