"""Who may import whom, and where the wire's spelling may stand: read with ``ast``."""

from __future__ import annotations

import ast
import subprocess
import sys
from functools import lru_cache
from pathlib import Path

import hugchat_sync

PACKAGE = Path(hugchat_sync.__file__).parent
TOP = "hugchat_sync"

#: The floors of the house: an import points down, or sideways inside one package; rooms of floors
#: 3 and 4 do not know their neighbours. The embedded server stands apart from all of them.
FLOORS = {
    7: "__init__ __main__ core utils compat terminal_cli",
    6: "bot terminal",
    5: "client",
    4: "chat auth batch",
    3: "transport dialects rate_limit",
    2: "calls records options list_bots",
    1: "errors events secret values futures version",
}
FLOOR_OF = {room: floor for floor, rooms in FLOORS.items() for room in rooms.split()}
WITHOUT_NEIGHBOURS = (3, 4)

#: (room, room above or beside it) → imports that are still to go
STILL: set[tuple[str, str]] = set()

#: how the wire spells things: these may stand in ``dialects`` and ``local`` only
WIRE = [
    "conversationId",
    "__data.json",
    "/conversation",
    "/api/",
    "generationId",
    "selectedMcp",
    "finalAnswer",
    "x-sveltekit",
    "preprompt",
    "activeModel",
    "customPrompts",
    "is_continue",
    "hfChat",
]

#: (room, spelling) → why it stands there all the same
EXCEPTIONS = {
    ("auth", "/api/"): "the area in which the server looks at a token",
    ("core", "/conversation"): "a constant of the old package",
    ("compat", "finalAnswer"): "a type of the dicts that old scripts look at",
}


#: where a broad ``except`` is licensed, one each
BORDERS = ("transport/http.py", "batch/__init__.py")


def room_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def sources():
    return sorted(path for path in PACKAGE.rglob("*.py"))


@lru_cache(maxsize=None)
def tree_of(path):
    return ast.parse(path.read_text("utf-8"))


@lru_cache(maxsize=None)
def imports_of(path):
    """Return the absolute names that a file imports, those inside functions too."""
    package = (TOP, *path.relative_to(PACKAGE).parent.parts)
    found = []
    for node in ast.walk(tree_of(path)):
        if isinstance(node, ast.Import):
            found.extend(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join((*base, *(node.module or "").split("."))).strip(".")
            if module == TOP or (node.level and not node.module):
                found.extend(f"{module}.{alias.name}" for alias in node.names)
            else:
                found.append(module)
    return found


def rooms_imported(path):
    ours = [name.split(".") for name in imports_of(path) if name.split(".")[0] == TOP]
    return {name[1] if len(name) > 1 else "TOP" for name in ours} - {room_of(path)}


def texts_of(path):
    """Return the texts in a file, without its documentation."""
    tree = tree_of(path)
    documented = (ast.Module, ast.ClassDef, ast.FunctionDef)
    documentation = {
        id(node.body[0].value)
        for node in ast.walk(tree)
        if isinstance(node, documented) and node.body and isinstance(node.body[0], ast.Expr)
    }
    return [
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in documentation
    ]


def in_room(*rooms):
    return [path for path in sources() if room_of(path) in rooms]


def name_of(path):
    return str(path.relative_to(PACKAGE))


CORE = [path for path in sources() if room_of(path) not in ("local", "terminal", "auth")]
OUTSIDE = [path for path in sources() if room_of(path) != "local"]


def wrong_imports(path):
    """Return the rooms that a file imports from above, or from beside it."""
    here = FLOOR_OF[room_of(path)]
    above = {room for room, floor in FLOOR_OF.items() if floor > here}
    beside = {room for room, floor in FLOOR_OF.items() if floor == here in WITHOUT_NEIGHBOURS}
    return {(room_of(path), room) for room in rooms_imported(path) & (above | beside)}


def test_every_room_stands_on_a_floor():
    assert {room_of(path) for path in OUTSIDE} == set(FLOOR_OF)


def blamed(paths, wrong):
    """Return what is wrong in each of these files where something is."""
    found = ((name_of(path), wrong(path)) for path in paths)
    return {name: what for name, what in found if what}


def test_import_points_down():
    assert blamed(OUTSIDE, lambda path: wrong_imports(path) - STILL) == {}


def test_face_is_imported_by_old_names_only():
    others = [path for path in OUTSIDE if room_of(path) not in ("core", "__main__", "compat")]

    assert blamed(others, lambda path: rooms_imported(path) & {"TOP"}) == {}


def test_imports_that_are_still_to_go_are_there():
    assert set().union(*map(wrong_imports, OUTSIDE)) == STILL


def test_embedded_server_shares_no_code_with_the_client():
    assert blamed(in_room("local"), rooms_imported) == {}


PROGRAMS = {"__main__", "compat", "terminal_cli", "terminal"}


def test_no_room_of_the_client_imports_the_embedded_server_or_the_terminal():
    rooms = in_room(*(set(FLOOR_OF) - PROGRAMS))

    assert blamed(rooms, lambda path: rooms_imported(path) & {"local", "terminal"}) == {}


def test_dialect_performs_nothing():
    performing = {"requests", "urllib3", "time", "socket", "threading", "urllib.request"}

    assert blamed(in_room("dialects"), lambda path: set(imports_of(path)) & performing) == {}


def test_values_do_not_need_requests():
    values = in_room("errors", "calls", "records", "events")

    assert blamed(values, lambda path: set(imports_of(path)) & {"requests"}) == {}


def test_wire_is_spelt_in_dialects_only():
    def spelt(path):
        texts = texts_of(path)
        found = {spelling for spelling in WIRE for text in texts if spelling in text}
        return found - {spelling for room, spelling in EXCEPTIONS if room == room_of(path)}

    assert blamed([path for path in CORE if room_of(path) != "dialects"], spelt) == {}


def test_values_name_no_cookie():
    values = in_room("records", "events", "answer")

    assert blamed(values, lambda path: [one for one in texts_of(path) if "hf-chat" in one]) == {}


def test_nobody_imports_the_names_of_the_other_package():
    others = [path for path in sources() if room_of(path) != "compat"]

    assert blamed(others, lambda path: rooms_imported(path) & {"compat"}) == {}


def test_only_the_old_command_starts_the_terminal_program():
    others = [path for path in in_room("compat") if path.name != "cli.py"]

    assert blamed(others, lambda path: rooms_imported(path) & {"terminal"}) == {}


def test_old_module_is_a_facade():
    logic = (ast.FunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.Try)

    def found(path):
        return [type(node).__name__ for node in ast.walk(tree_of(path)) if isinstance(node, logic)]

    assert blamed(in_room("core"), found) == {}


def test_no_broad_catch():
    def broad(path):
        return [
            node.lineno
            for node in ast.walk(tree_of(path))
            if isinstance(node, ast.ExceptHandler)
            and getattr(node.type, "id", "") in ("Exception", "BaseException")
        ]

    # the borders: whatever a server sends, and whatever somebody's executor raises, nothing but an
    # error of ours comes out
    assert {name: len(lines) for name, lines in blamed(CORE, broad).items()} == dict.fromkeys(
        BORDERS, 1
    )


QUIET = """
import logging, sys
before = list(logging.getLogger().handlers)
import hugchat_sync
assert logging.getLogger().handlers == before
assert [type(h).__name__ for h in logging.getLogger("hugchat_sync").handlers] == ["NullHandler"]
assert "flask" not in sys.modules and "rich" not in sys.modules
"""


def run(program, *arguments):
    return subprocess.run(
        [sys.executable, "-W", "error", "-c", program, *arguments],
        capture_output=True,
        text=True,
        timeout=30,
    )


def test_import_prints_nothing_and_configures_no_logging():
    done = run(QUIET)

    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


LOADED = """
import sys, requests
before = set(sys.modules)
def loaded():
    found = set(sys.modules) - before
    ours = [name for name in found if name.partition(".")[0] == "hugchat_sync"]
    return len(ours), sorted(found & set(sys.argv[2].split()))
from hugchat_sync import Client, HuggingChat
print(*loaded())
with HuggingChat(sys.argv[1]) as hug:
    assert hug.getBot().ask("What is a dialect?")
print(*loaded())
"""

#: modules that take milliseconds to import, and that few scripts need
DEAR = (
    "argparse ast asyncio concurrent.futures dataclasses dataclasses_json difflib fcntl "
    "html.parser inspect marshmallow multiprocessing pickle platform sqlite3 sseclient tempfile "
    "textwrap uuid zipfile"
)


def test_neither_importing_nor_a_first_ask_loads_what_few_scripts_need(server):
    done = run(LOADED, server.url, DEAR)

    # each module of ours costs a quarter of a millisecond: see benchmarks/startup.py and cron.py
    assert (done.returncode, done.stderr) == (0, "")
    [imported, *dear], [asked, *dear_too] = (
        line.split(" ", 1) for line in done.stdout.splitlines()
    )
    assert dear == dear_too == ["[]"]
    assert int(imported) <= 40 and int(asked) <= 50


def test_record_is_completed_at_its_first_use():
    done = run(
        "import sys; from hugchat_sync.records import Source;"
        "assert Source('t', 'l').to_dict() == {'title': 't', 'link': 'l', 'hostname': ''};"
        "assert 'dataclasses_json' in sys.modules"
    )

    assert (done.returncode, done.stderr) == (0, "")


def modules_imported(path):
    """Return the files of ours that a file imports, those named for types only included."""
    found = set()
    package = (TOP, *path.relative_to(PACKAGE).parent.parts)
    for node in ast.walk(tree_of(path)):
        if not isinstance(node, ast.ImportFrom):
            continue
        base = package[: len(package) - node.level + 1] if node.level else ()
        parts = [*base, *(node.module or "").split(".")] if node.module else [*base]
        if parts[:1] != [TOP]:
            continue
        for end in ([*parts, alias.name] for alias in node.names):
            place = PACKAGE.joinpath(*end[1:])
            above = PACKAGE.joinpath(*parts[1:])
            files = (place.with_suffix(".py"), place / "__init__.py")
            files += (above.with_suffix(".py"), above / "__init__.py")
            found.update([file for file in files if file.is_file()][:1])
    return found - {path}


def test_imports_go_in_no_circle():
    needed = {path: modules_imported(path) for path in sources()}
    found = set()
    for path in needed:
        reached, ahead = set(), set(needed[path])
        while ahead:
            reached |= ahead
            ahead = set().union(*(needed[one] for one in ahead)) - reached
        if path in reached:
            found.add(name_of(path))

    assert found == set()
