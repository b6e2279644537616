"""The words of the command line, and what they mean."""

from __future__ import annotations

import argparse
import os
import stat
import sys

from ..version import __version__
from .commands import COMMANDS, as_text

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from typing import Any, Callable, Iterator, Mapping, Sequence


#: The options that print something, and end the program.
_ENDING = ("help", "version", "print_completion")


def read_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the words mean; ``command`` is the name of the command.

    :raises SystemExit: for ``--help`` and ``--version``, and with code 2 for a mistake.
    """
    parser, commands = _parser()
    words = _with_command(parser, commands, list(sys.argv[1:] if argv is None else argv))
    arguments, rest = parser.parse_known_args(words)
    if arguments.command is None:
        if rest:
            parser.error(f"unrecognized arguments: {' '.join(rest)}{_near_options(parser, rest)}")
        parser.error("a COMMAND is needed, for example: hugchat-sync ask 'Hello'")
    own = commands[arguments.command]
    rest = _placed(arguments, rest)
    if rest:
        more = _near_options(own, rest)
        if arguments.command == "ask" and not any(word.startswith("-") for word in rest):
            more = "; a question of several words stands in quotes"
        own.error(f"unrecognized arguments: {' '.join(rest)}{more}")
    _check(own, arguments)
    return arguments


def _with_command(
    parser: argparse.ArgumentParser, commands: Mapping[str, _CommandParser], words: list[str]
) -> list[str]:
    """Return the words with the command that is meant where none is named.

    :raises SystemExit: the first word is neither a command nor a question.
    """
    at = 0
    while at < len(words) and words[at].startswith("-") and words[at] not in ("-", "--"):
        action = parser._option_string_actions.get(words[at].partition("=")[0])
        if action is None:
            break
        if action.dest in _ENDING:
            return words
        at += 2 if action.nargs is None and "=" not in words[at] else 1
    before, behind = words[:at], words[at:]
    first = behind[0] if behind else ""
    if first in commands or at > len(words):
        return words
    if first.startswith("-"):  # an option of a command, with or without the command behind it
        if any(word in commands for word in behind) or not commands["ask"].has(first):
            return words
        if any(map(_is_question, behind)):
            return [*before, "ask", *behind]
    elif first and not _is_question(first):
        parser.error(_no_command(first, list(commands)))
    elif first:
        return [*before, "ask", *behind]
    if _is_piped():
        return [*before, "ask", *behind]
    return [*before, "chat", *behind] if _is_terminal() else words


def _no_command(word: str, commands: list[str]) -> str:
    from difflib import get_close_matches  # here: only a mistake needs it

    near = get_close_matches(word.lower(), commands, n=2, cutoff=0.6)
    meant = f"; did you mean {' or '.join(near)}?" if near else "."
    return f"there is no command {word!r}{meant} A question of one word is asked with: ask {word}"


def _is_question(word: str) -> bool:
    return any(letter.isspace() for letter in word.strip())


def _is_piped() -> bool:
    """Return whether somebody has put text on stdin: a pipe or a file, not the empty device."""
    if sys.stdin is None or sys.stdin.isatty():
        return False
    try:
        kind = os.fstat(sys.stdin.fileno()).st_mode
    except (OSError, ValueError):  # no file behind it: something in this process feeds it
        return True
    return stat.S_ISFIFO(kind) or stat.S_ISREG(kind) or stat.S_ISSOCK(kind)


def _near_options(parser: argparse.ArgumentParser, rest: list[str]) -> str:
    """Return which option may have been meant."""
    from difflib import get_close_matches

    known = [name for name in parser._option_string_actions if name.startswith("--")]
    wrong = next((word for word in rest if word.startswith("--")), "")
    near = get_close_matches(wrong.partition("=")[0], known, n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""


def _is_terminal() -> bool:
    streams = (sys.stdin, sys.stdout)
    return all(stream is not None and stream.isatty() for stream in streams)


def _placed(arguments: argparse.Namespace, rest: list[str]) -> list[str]:
    """Put words that argparse left over where they belong, and return the others.

    Once options stand between two positional words, argparse takes an optional one for absent.
    """
    name = COMMANDS[arguments.command].loose
    try:
        words = [as_text(word) for word in rest if word != "--"]
    except argparse.ArgumentTypeError:
        return rest
    if not name or not words or any(word.startswith("-") for word in words):
        return rest
    if isinstance(getattr(arguments, name), list):
        setattr(arguments, name, [*getattr(arguments, name), *words])
        return []
    if getattr(arguments, name) is None and len(words) == 1:
        setattr(arguments, name, words[0])
        return []
    return rest


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse what argparse cannot see to be wrong."""
    if arguments.local and arguments.base_url:
        parser.error("--local and --base-url are two different servers: give one of them")
    if arguments.local and (arguments.cookies or arguments.email):
        parser.error("--local needs no account: leave --cookies and --email out")
    if arguments.command in ("ask", "chat"):
        goes_on = arguments.latest or arguments.conversation
        if goes_on and arguments.system is not None:
            parser.error("-s is for new conversations: leave out -c and --conversation")
    if arguments.command == "ask":
        if goes_on and arguments.temporary:
            parser.error("--temporary removes its conversation: leave out -c and --conversation")
        if arguments.extract and (arguments.json or arguments.stream):
            parser.error("-x prints one block when the answer is whole: no --json, no --stream")
    if arguments.command == "rm" and bool(arguments.ids) == arguments.all:
        parser.error("rm takes conversations, or --all")


class _Formatter(argparse.HelpFormatter):
    """The usual one, but finds the width without the compression modules behind ``shutil``."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=_columns() - 2)


def _columns() -> int:
    stated = os.environ.get("COLUMNS", "")
    if stated.isdigit() and int(stated) >= 40:
        return int(stated)
    try:
        return max(40, os.get_terminal_size().columns)
    except (OSError, ValueError):  # no terminal, or no stdout at all
        return 80


class _Parser(argparse.ArgumentParser):
    """A parser that knows no abbreviations: a later version may add an option."""

    def __init__(self, **options: Any) -> None:
        super().__init__(allow_abbrev=False, formatter_class=_Formatter, **options)


class _CommandParser(_Parser):
    """The parser of one command, which is only built once it is used.

    There are many commands, and a run uses one or, for ``--help``, none.
    """

    def __init__(
        self, *, add_options: Callable[[argparse.ArgumentParser], None] | None, **options: Any
    ) -> None:
        self._unbuilt: tuple[Any, dict[str, Any]] | None = (add_options, options)

    def parse_known_args(  # type: ignore[override]
        self, args: Sequence[str] | None = None, namespace: argparse.Namespace | None = None
    ) -> tuple[argparse.Namespace, list[str]]:
        self.build()
        return super().parse_known_args(args, namespace)

    def has(self, word: str) -> bool:
        """Return whether a word begins with an option of the command, or with no option at all."""
        self.build()
        known = self._option_string_actions
        return word in ("-", "--") or word.partition("=")[0] in known or word[:2] in known

    def build(self) -> None:
        """Add the options of the command, unless that was done."""
        if self._unbuilt is not None:
            (add_options, options), self._unbuilt = self._unbuilt, None
            super().__init__(**options)
            _add_globals(self)
            if add_options is not None:
                add_options(self)


def _parser() -> tuple[argparse.ArgumentParser, Mapping[str, _CommandParser]]:
    """Return the parser of the program, and those of its commands."""
    parser = _Parser(
        prog="hugchat-sync",
        description="Talk to HuggingChat and other chat-ui servers. Without a COMMAND, on a "
        "terminal: the interactive program.",
        epilog="Exit codes: 0 ok, 1 other error, 2 usage, 3 authentication, 4 rate limit, quota "
        "or overload, 5 server, network or failed answer, 6 timeout; interrupted: 130 by Ctrl-C, "
        "143 by a kill, 129 by a closed terminal.",
    )
    parser.add_argument("--version", action="version", version=f"hugchat-sync {__version__}")
    parser.add_argument(
        "--print-completion",
        action=_PrintCompletion,
        choices=("bash", "zsh", "tcsh"),
        metavar="SHELL",
        help="print the completion for bash, zsh or tcsh",
    )
    _add_globals(parser, first=True)
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_CommandParser)
    for name, command in COMMANDS.items():
        commands.add_parser(
            name, help=command.text, description=command.text, add_options=command.add_options
        )
    return parser, commands.choices


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)


class _PrintCompletion(argparse.Action):
    """Prints what a shell needs to complete the words of the program."""

    def __call__(
        self,
        parser: argparse.ArgumentParser,
        namespace: argparse.Namespace,
        values: Any,
        option_string: str | None = None,
    ) -> None:
        try:
            import shtab
        except ImportError:
            parser.exit(
                1, 'hugchat-sync: this needs one more package: pip install "hugchat-sync[cli]"\n'
            )
        whole, commands = _parser()
        for command in commands.values():
            command.build()
        for action in _actions(whole):
            if action.metavar in ("FILE", "IN", "OUT"):
                action.complete = shtab.FILE  # type: ignore[attr-defined]
            elif action.metavar == "DIR":
                action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
        sys.stdout.write(f"{shtab.complete(whole, values)}\n")
        parser.exit()


def _add_globals(parser: argparse.ArgumentParser, *, first: bool = False) -> None:
    """Add the options that may stand before and behind the command."""
    group = parser.add_argument_group("options for every command")

    def add(*names: str, **options: Any) -> None:
        # behind the command, what is not given must not undo what was given before it
        default = options.pop("default", None) if first else argparse.SUPPRESS
        group.add_argument(*names, default=default, **options)

    add(
        "--base-url",
        metavar="URL",
        help="the server; default $HUGCHAT_SYNC_BASE_URL, else https://huggingface.co/chat",
    )
    add(
        "--local",
        action="store_true",
        **({"default": False} if first else {}),
        help="use the embedded server: no account, no network, no model",
    )
    add("--cookies", metavar="FILE", help="cookies, as JSON or cookies.txt")
    add("--email", metavar="E", help="the account whose saved sign-in to use")
    add(
        "--allow-insecure",
        action="store_true",
        **({"default": False} if first else {}),
        help="accept a plain http address of another machine",
    )
    add(
        "--verbose",
        action="store_true",
        **({"default": False} if first else {}),
        help="tell on stderr what is sent and received",
    )
