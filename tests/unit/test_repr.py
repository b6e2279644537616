"""``repr`` never raises, also of an object whose making failed: a debugger shows those first."""

from __future__ import annotations

import inspect

from sampling import each

import hugchat_sync
from hugchat_sync import errors, events, records
from hugchat_sync.auth.cookies.store import CookieStore
from hugchat_sync.auth.cookies.values import QuietJar
from hugchat_sync.core import config
from hugchat_sync.events import Token
from hugchat_sync.records import RequestData


def classes():
    """Return every class that a user may meet."""
    found = [getattr(hugchat_sync, name) for name in hugchat_sync.__all__]
    for module in (errors, events, records, config):
        found.extend(vars(module).values())
    found.extend((CookieStore, QuietJar))
    named = {kind.__name__: kind for kind in found if inspect.isclass(kind)}
    return [kind for name, kind in sorted(named.items()) if name not in ("Any", "TypeVar")]


@each("kind", classes())
def test_half_made_object_has_a_repr(kind):
    half = kind.__new__(kind)

    assert repr(half)


def test_half_made_object_tells_its_class():
    assert repr(hugchat_sync.Client.__new__(hugchat_sync.Client)) == "<Client, not completely made>"
    assert repr(Token.__new__(Token)) == "Token()"


def test_whole_value_shows_its_fields():
    assert repr(Token("x")) == "Token(text='x')"
    assert repr(RequestData(inputs="x")).startswith("RequestData(inputs='x', ")
