"""Who may import whom, and where the wire's spelling may stand: read with ``ast``."""

from __future__ import annotations

import ast
import subprocess
import sys
from pathlib import Path

import pytest

import hugchat_sync

PACKAGE = Path(hugchat_sync.__file__).parent
TOP = "hugchat_sync"

#: room → the rooms of ours that it may import
ALLOWED = {
    "errors": "",
    "reprs": "",
    "options": "",
    "fork": "",
    "futures": "fork",
    "pace": "errors fork options",
    "calls": "errors",
    "records": "errors reprs",
    "events": "errors reprs",
    "wire": "errors",
    "encodings": "errors wire",
    "auth": "errors secret",
    "adapter": "",
    "session": "adapter auth errors",
    "cookies": "fork errors reprs",
    "answer": "events records",
    "known": "answer errors events records reprs",
    "polling": "fork errors events known",
    "message": "fork answer errors events known polling records",
    "resume": "answer events",
    "dialects": "answer calls encodings errors events records refusals wire",
    "refusals": "calls errors",
    "retrying": "calls errors options",
    "no_connection": "",
    "stream": "calls errors no_connection",
    "transport": "TOP adapter address auth refusals calls errors options retrying session stream",
    "rest": "answer calls dialects errors events resume retrying stream transport",
    "prior_search": "calls dialects errors events retrying stream transport",
    "run": "calls dialects errors events message prior_search rest retrying stream transport",
    "idle": "dialects errors events records rest retrying transport",
    "runs": "fork calls dialects errors events idle message pace records retrying run transport",
    "credentials": "auth cookies errors secret",
    "connection": (
        "fork calls cookies credentials dialects errors options records renewal retrying secret "
        "transport"
    ),
    "account": "calls connection dialects errors options records retrying settings",
    "settings": "errors records",
    "tool_servers": "dialects errors records",
    "uploads": "dialects errors records",
    "downloads": "errors events records",
    "custom_data": "dialects errors records",
    "list_bots": "client errors",
    "batch": "errors fork message pace records uploads",
    "doubt": "fork connection dialects errors records retrying",
    "creation": "doubt calls connection dialects errors list_bots records retrying",
    "conversation_map": "fork errors records",
    "client": (
        "account address answer batch calls connection conversation_map cookies creation "
        "custom_data dialects downloads errors events list_bots message options pace "
        "records reprs retrying run runs secret settings tool_servers transport uploads"
    ),
    "bot": "client errors futures pace",
    "hugging_chat": "address bot cookies errors futures options pace reprs secret sign",
    "address": "errors",
    "secret": "errors",
    "core": "bot errors hugging_chat list_bots message records sign",
    "utils": "",
    "compat": "client cookies core errors events message records sign terminal",
    "__init__": "bot client errors events hugging_chat list_bots message options sign",
    "__main__": "terminal",
    "terminal_cli": "cookies errors terminal",
}

#: rooms of the sign-in, which may import each other and nothing above them
SIGNING = ("sign", "renewal", "hub")

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


def room_of(path):
    parts = path.relative_to(PACKAGE).with_suffix("").parts
    return parts[0]


def sources():
    return sorted(path for path in PACKAGE.rglob("*.py"))


def imports_of(path):
    """Return the absolute names that a file imports, those inside functions too."""
    package = (TOP, *path.relative_to(PACKAGE).parent.parts)
    found = []
    for node in ast.walk(ast.parse(path.read_text("utf-8"))):
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
    tree = ast.parse(path.read_text("utf-8"))
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


CORE = [path for path in sources() if room_of(path) not in ("local", "terminal", *SIGNING)]


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_room_imports_only_what_the_table_allows(path):
    allowed = set(ALLOWED[room_of(path)].split())

    # the version and the class names are what the package itself gives
    assert rooms_imported(path) - allowed - {"__version__"} == set()


@pytest.mark.parametrize("path", in_room("local"), ids=name_of)
def test_embedded_server_shares_no_code_with_the_client(path):
    assert rooms_imported(path) == set()


PROGRAMS = {"__main__", "compat", "terminal_cli"}


@pytest.mark.parametrize("path", in_room(*(set(ALLOWED) - PROGRAMS)), ids=name_of)
def test_no_room_of_the_client_imports_the_embedded_server_or_the_terminal(path):
    assert rooms_imported(path) & {"local", "terminal"} == set()


@pytest.mark.parametrize("path", in_room(*SIGNING), ids=name_of)
def test_sign_in_imports_no_room_above_it(path):
    above = {"client", "bot", "message", "run", "runs", "dialects", "batch", "terminal", "local"}

    assert rooms_imported(path) & above == set()


@pytest.mark.parametrize("path", in_room("dialects"), ids=name_of)
def test_dialect_performs_nothing(path):
    performing = {"requests", "urllib3", "time", "socket", "threading", "urllib.request"}

    assert set(imports_of(path)) & performing == set()


@pytest.mark.parametrize("path", in_room("errors", "calls", "records", "events"), ids=name_of)
def test_values_do_not_need_requests(path):
    assert [name for name in imports_of(path) if name.split(".")[0] == "requests"] == []


@pytest.mark.parametrize(
    "path",
    [path for path in CORE if room_of(path) != "dialects"],
    ids=name_of,
)
def test_wire_is_spelt_in_dialects_only(path):
    texts = texts_of(path)

    found = {spelling for spelling in WIRE for text in texts if spelling in text}

    assert found <= {spelling for room, spelling in EXCEPTIONS if room == room_of(path)}


@pytest.mark.parametrize("path", in_room("records", "events", "answer"), ids=name_of)
def test_values_name_no_cookie(path):
    assert [text for text in texts_of(path) if "hf-chat" in text] == []


def test_table_names_rooms_that_exist():
    rooms = {room_of(path) for path in sources()}

    assert set(ALLOWED) - rooms == set()


@pytest.mark.parametrize(
    "path", [path for path in sources() if room_of(path) != "compat"], ids=name_of
)
def test_nobody_imports_the_names_of_the_other_package(path):
    assert "compat" not in rooms_imported(path)


@pytest.mark.parametrize(
    "path", [path for path in in_room("compat") if path.name != "cli.py"], ids=name_of
)
def test_only_the_old_command_starts_the_terminal_program(path):
    assert "terminal" not in rooms_imported(path)


@pytest.mark.parametrize("path", in_room("core"), ids=name_of)
def test_old_module_is_a_facade(path):
    logic = (ast.FunctionDef, ast.ClassDef, ast.If, ast.For, ast.While, ast.Try)

    assert [node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, logic)] == []


@pytest.mark.parametrize(
    ("name", "most"), [("client.py", 820), ("message.py", 300), ("transport.py", 380)]
)
def test_room_stays_small(name, most):
    assert len((PACKAGE / name).read_text("utf-8").splitlines()) < most


@pytest.mark.parametrize("path", CORE, ids=name_of)
def test_no_broad_catch(path):
    broad = [
        node.lineno
        for node in ast.walk(ast.parse(path.read_text("utf-8")))
        if isinstance(node, ast.ExceptHandler)
        and getattr(node.type, "id", "") in ("Exception", "BaseException")
    ]

    # the borders: whatever a server sends, and whatever somebody's executor raises, nothing but an
    # error of ours comes out
    assert len(broad) == (1 if path.name in ("transport.py", "stream.py", "batch.py") else 0)


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


FIRST_ASK = """
import sys
from hugchat_sync import HuggingChat
with HuggingChat(sys.argv[1]) as hug:
    assert hug.getBot().ask("What is a dialect?")
heavy = [name for name in ("dataclasses_json", "marshmallow", "sseclient") if name in sys.modules]
assert not heavy, heavy
"""


def test_first_ask_loads_no_schema_engine(server):
    done = run(FIRST_ASK, server.url)

    assert (done.returncode, done.stderr) == (0, "")


def test_record_is_completed_at_its_first_use():
    done = run(
        "import sys; from hugchat_sync.records import Source;"
        "assert Source('t', 'l').to_dict() == {'title': 't', 'link': 'l', 'hostname': ''};"
        "assert 'dataclasses_json' in sys.modules"
    )

    assert (done.returncode, done.stderr) == (0, "")
