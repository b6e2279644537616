"""The words of the command line, and what they mean."""

from __future__ import annotations

import argparse
import os
import stat
import sys

from ..version import __version__
from .commands import COMMANDS, GLOBALS

TYPE_CHECKING = False  # as type checkers know it; importing typing would cost --help its time
if TYPE_CHECKING:
    from typing import Any, Iterable, Iterator, NoReturn, Sequence

    from .commands import Option, Options

#: the options that print something, and end the program
_ENDING = ("-h", "--help", "--version", "--print-completion")


def read_arguments(argv: Sequence[str] | None = None) -> argparse.Namespace:
    """Return what the words mean; ``function`` is what does it, ``command`` its name if it has one.

    :raises SystemExit: for ``--help`` and ``--version``, and with code 2 for a mistake.
    """
    words = list(sys.argv[1:] if argv is None else argv)
    takes_value = {name: "action" not in how for names, how in _each(GLOBALS) for name in names}
    takes_value.update({name: name == "--print-completion" for name in _ENDING})
    at, name = 0, ""
    while at < len(words) and name not in _ENDING:
        name, equals, _ = words[at].partition("=")
        if name not in takes_value:
            break
        at += 2 if takes_value[name] and not equals else 1
    if name in _ENDING or at > len(words):  # or the last one lacks its value
        arguments = _program().parse_args(words[:at])
        arguments.function = "arguments:print_completion"
        return arguments
    before, behind = words[:at], words[at:]
    name = _command(behind)
    return _read(name, before + (behind[1:] if behind[:1] == [name] else behind))


def _command(words: list[str]) -> str:
    """Return the command that is named, or meant, by the words behind the first options."""
    first = words[0] if words else ""
    if first in COMMANDS:
        return first
    if first.startswith("-"):  # an option of a command that is not named
        if any(word in COMMANDS for word in words):
            _refuse(f"unrecognized arguments: {first}; the options of a command stand behind it")
        known = ["-", "--", *_names(COMMANDS["ask"].options)]
        if first.partition("=")[0] not in known and first[:2] not in known:
            near = _near_option(words, [*_ENDING, *_names(GLOBALS)])
            _refuse(f"unrecognized arguments: {first}{near}")
        if any(map(_is_question, words)):
            return "ask"
    elif _is_question(first):
        return "ask"
    elif first:
        names = _near(first.lower(), COMMANDS, most=2)
        meant = f"; did you mean {' or '.join(names)}?" if names else "."
        _refuse(
            f"there is no command {first!r}{meant} A question of one word is asked with: ask "
            f"{first}"
        )
    if _is_piped():
        return "ask"
    if not all(stream is not None and stream.isatty() for stream in (sys.stdin, sys.stdout)):
        unknown = f"unrecognized arguments: {' '.join(words)}" if words else ""
        _refuse(unknown or "a COMMAND is needed, for example: hugchat-sync ask 'Hello'")
    return "chat"


def _refuse(text: str) -> NoReturn:
    _program().error(text)


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


def _near_option(words: list[str], names: list[str]) -> str:
    """Return which option may have been meant."""
    wrong = next((word for word in words if word.startswith("--")), "")
    near = _near(wrong.partition("=")[0], (name for name in names if name[:2] == "--"), most=1)
    return f"; did you mean {near[0]}?" if near else ""


def _near(word: str, words: Iterable[str], most: int) -> list[str]:
    from difflib import get_close_matches  # here: only a mistake needs it

    return get_close_matches(word, list(words), n=most, cutoff=0.6)


def _read(name: str, words: list[str]) -> argparse.Namespace:
    parser = _of_command(f"hugchat-sync {name}")
    # what is intermixed loses a -- before the first of the positional words
    parse = parser.parse_known_args if "--" in words else parser.parse_known_intermixed_args
    arguments, unparsed = parse(words)
    if unparsed:
        more = _near_option(unparsed, ["--help", *_names(GLOBALS), *_names(COMMANDS[name].options)])
        if name == "ask" and not any(word.startswith("-") for word in unparsed):
            more = "; a question of several words stands in quotes"
        parser.error(f"unrecognized arguments: {' '.join(unparsed)}{more}")
    arguments.command, arguments.function = name, COMMANDS[name].function
    _check(parser, arguments)
    return arguments


def _check(parser: argparse.ArgumentParser, arguments: argparse.Namespace) -> None:
    """Refuse what argparse cannot see to be wrong."""
    for action in parser._actions:
        name = "".join(action.option_strings[-1:])
        if name not in ("", "--system") and getattr(arguments, action.dest, None) == "":
            parser.error(f"{name} is followed by an empty text")  # as a variable that is not set
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


# parsers --------------------------------------------------------------------------------------


def _program(command: Any = dict) -> argparse.ArgumentParser:
    """Return the parser of the program, which lists the commands.

    :param command: makes their parsers; their names are enough for --help.
    """
    parser = _parser(
        "hugchat-sync",
        "Talk to HuggingChat and other chat-ui servers. Without a COMMAND, on a terminal: the "
        "interactive program.",
        "Exit codes: 0 ok, 1 other error, 2 usage, 3 authentication, 4 rate limit, quota or "
        "overload, 5 server, network or failed answer, 6 timeout; interrupted: 130 by Ctrl-C, 143 "
        "by a kill, 129 by a closed terminal.",
    )
    parser.add_argument("--version", action="version", version=f"hugchat-sync {__version__}")
    parser.add_argument(
        "--print-completion",
        choices=("bash", "zsh", "tcsh"),
        metavar="SHELL",
        help="print the completion for bash, zsh or tcsh",
    )
    _add_globals(parser)
    commands = parser.add_subparsers(metavar="COMMAND", prog="hugchat-sync", parser_class=command)
    for name, known in COMMANDS.items():
        commands.add_parser(name, help=known.help)
    return parser


def _of_command(prog: str, **_: Any) -> argparse.ArgumentParser:
    """Return the parser of a command, which takes the options of the program as well."""
    command = COMMANDS[prog.split()[-1]]
    parser = _parser(prog, command.help, command.more)
    _add_globals(parser)
    for one in command.options:
        place = parser.add_mutually_exclusive_group() if isinstance(one, list) else parser
        for names, how in _each((one,)):
            place.add_argument(*names, **how)
    return parser


def _parser(prog: str, text: str, more: str | None) -> argparse.ArgumentParser:
    def formatter(prog: str) -> argparse.HelpFormatter:
        return argparse.HelpFormatter(prog, width=_columns() - 2)

    return argparse.ArgumentParser(
        prog=prog,
        description=text,
        epilog=more,
        formatter_class=formatter,
        allow_abbrev=False,  # a later version may add an option that is meant by them
    )


def _columns() -> int:
    """Return how wide the terminal is, without the compression modules behind ``shutil``."""
    stated = os.environ.get("COLUMNS", "")
    if stated.isdecimal() and int(stated) >= 40:
        return int(stated)
    try:
        return max(40, os.get_terminal_size().columns)
    except (OSError, ValueError):  # no terminal, or no stdout at all
        return 80


def _add_globals(parser: argparse.ArgumentParser) -> None:
    group = parser.add_argument_group("options for every command")
    for names, how in _each(GLOBALS):
        group.add_argument(*names, **how)


def _each(options: Options) -> Iterator[Option]:
    for one in options:
        yield from one if isinstance(one, list) else [one]


def _names(options: Options) -> list[str]:
    return [name for names, _ in _each(options) for name in names]


def print_completion(arguments: argparse.Namespace) -> None:
    """Print what a shell needs to complete the words of the program."""
    from ..errors import HugChatError  # here: no other word needs these
    from .output import write_line

    try:
        import shtab
    except ImportError as error:
        raise HugChatError(
            'this needs one more package: pip install "hugchat-sync[cli]"'
        ) from error
    whole = _program(_of_command)
    for action in _actions(whole):
        if action.metavar in ("FILE", "IN", "OUT"):
            action.complete = shtab.FILE  # type: ignore[attr-defined]
        elif action.metavar == "DIR":
            action.complete = shtab.DIRECTORY  # type: ignore[attr-defined]
    write_line(shtab.complete(whole, arguments.print_completion))


def _actions(parser: argparse.ArgumentParser) -> Iterator[argparse.Action]:
    for action in parser._actions:
        yield action
        if isinstance(action, argparse._SubParsersAction):
            for command in action.choices.values():
                yield from _actions(command)
