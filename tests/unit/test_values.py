"""Plain values: what a dataclass gives, without its price at import."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import inspect
import pickle
import pkgutil
import sys
import threading
import typing
from concurrent.futures import ThreadPoolExecutor

import pytest
from sampling import each

import hugchat_sync
from hugchat_sync import Timeout
from hugchat_sync.core.config import RequestData
from hugchat_sync.events import Event, Status, Token
from hugchat_sync.options import Retry
from hugchat_sync.records import Conversation, Record, Settings, Source
from hugchat_sync.values import Value, field, names_of, replace, with_fields


@with_fields
class Point(Value):
    """A value with everything that a field can say."""

    x: int
    y: int = 0
    tags: list = field(default_factory=list)
    hidden: str = field(default="secret", repr=False)
    note: str = field(default="", compare=False)


@with_fields
class Deep(Point):
    """A value with a field more than its base."""

    z: int = 9


@with_fields
class Slotted(Value):
    """A value without a dict."""

    __slots__ = ("text",)
    text: str


@with_fields(frozen=False)
class Open(Value):
    """A value whose fields can be set anew."""

    text: str = ""


@with_fields
class Checked(Value):
    """A value that checks itself."""

    x: int

    def __post_init__(self):
        if self.x < 0:
            raise ValueError(self.x)


def test_value_is_made_by_position_name_and_default():
    made = Point(1, y=2)

    assert (made.x, made.y, made.tags, made.hidden, made.note) == (1, 2, [], "secret", "")


def test_default_made_anew_is_shared_by_nobody():
    Point(1).tags.append("a")

    assert Point(1).tags == []


@pytest.mark.parametrize(
    ("values", "named"), [((), {}), ((1,), {"x": 1}), ((1,), {"q": 1}), ((1, 2, [], "", "", 3), {})]
)
def test_what_does_not_fit_the_fields_is_refused(values, named):
    with pytest.raises(TypeError, match=r"__init__\(\)"):
        Point(*values, **named)


def test_value_equals_what_has_its_class_and_its_compared_fields():
    assert Point(1, note="a") == Point(1, note="b")
    assert Point(1) != Point(2)
    assert Point(1) != Deep(1)
    assert Slotted("a") != "a"


def test_equal_values_have_one_hash():
    assert hash(Slotted("a")) == hash(Slotted("a"))
    with pytest.raises(TypeError):
        hash(Open("a"))


def test_repr_shows_what_may_be_shown():
    assert repr(Point(1, 2, note="n")) == "Point(x=1, y=2, tags=[], note='n')"


def test_repr_of_a_value_that_is_not_completely_made_does_not_raise():
    assert repr(Slotted.__new__(Slotted)) == "Slotted()"


@pytest.mark.parametrize("made", [Point(1), Slotted("a")])
def test_value_is_frozen(made):
    with pytest.raises(dataclasses.FrozenInstanceError):
        setattr(made, names_of(made)[0], 2)
    with pytest.raises(dataclasses.FrozenInstanceError):
        delattr(made, names_of(made)[0])


def test_value_that_says_so_can_be_changed():
    made = Open("a")
    made.text = "b"

    assert made == Open("b")


def test_value_checks_itself():
    with pytest.raises(ValueError, match="-1"):
        Checked(-1)


@pytest.mark.parametrize("made", [Point(1), Deep(1, z=3), Token("a"), Open("b")])
def test_value_pickles_copies_and_is_replaced(made):
    assert pickle.loads(pickle.dumps(made)) == copy.deepcopy(made) == replace(made) == made


def test_value_with_changes():
    assert replace(Deep(1), x=4, z=5) == Deep(4, z=5)


@pytest.mark.parametrize("kind", [Deep, Point])
def test_value_is_a_dataclass_to_whoever_asks(kind):
    assert [one.name for one in dataclasses.fields(kind)] == list(names_of(kind))
    assert dataclasses.asdict(kind(1)).items() >= {"x": 1, "y": 0, "tags": []}.items()
    assert dataclasses.replace(kind(1), x=2) == kind(2)
    assert kind(1).tags == []


def test_class_says_what_it_takes_before_one_is_made():
    assert list(inspect.signature(Checked).parameters) == ["x"]
    assert str(inspect.signature(Source)) == "(title: str, link: str, hostname: str = '') -> None"


def test_signature_and_init_tell_types_and_defaults():
    assert typing.get_type_hints(Timeout)["total"] is float
    assert typing.get_type_hints(Timeout.__init__)["total"] is float
    assert "custom_prompts: Dict[str, str] = <factory>" in str(inspect.signature(Settings))
    assert list(inspect.signature(Retry.__init__).parameters)[:2] == ["self", "tries"]


def test_first_values_of_a_class_may_be_made_in_many_threads_at_once():
    def make(kind, barrier):
        barrier.wait(10)
        return kind(1).x, [one.name for one in dataclasses.fields(kind)]

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        with ThreadPoolExecutor(8) as pool:
            for _ in range(30):

                @with_fields
                class New(Value):
                    x: int
                    tags: list = field(default_factory=list)

                barrier = threading.Barrier(8)
                made = [pool.submit(make, New, barrier) for _ in range(8)]
                assert [one.result() for one in made] == [(1, ["x", "tags"])] * 8
    finally:
        sys.setswitchinterval(interval)


def test_dataclass_says_how_it_was_made_before_its_fields_are_asked_for():
    @with_fields
    class New(Value):
        x: int

    assert New.__dataclass_params__.frozen
    assert not dataclasses.is_dataclass(Event)


def test_value_equals_one_with_the_same_objects_also_where_these_equal_nothing():
    nothing = float("nan")

    assert Timeout(total=nothing) == Timeout(total=nothing)


def test_every_class_of_ours_that_lists_fields_has_them():
    for module in pkgutil.walk_packages(hugchat_sync.__path__, "hugchat_sync."):
        if not module.name.endswith("__main__"):
            importlib.import_module(module.name)
    kinds = [Value]
    for kind in kinds:
        kinds += [
            one for one in kind.__subclasses__() if one.__module__.startswith("hugchat_sync.")
        ]
    forgotten = [
        kind.__name__
        for kind in kinds[1:]
        if vars(kind).get("__annotations__") and "__dataclass_fields__" not in vars(kind)
    ]

    assert len(kinds) > 50
    assert forgotten == []


class InSeconds(Timeout):
    """A user's class with an ``__init__`` and an attribute of its own."""

    def __init__(self, seconds):
        super().__init__(total=seconds)
        self.given = seconds


class Annotated(Timeout):
    """A user's class whose annotations are no fields, for nobody made it a dataclass."""

    need: str
    note: str = "n"


@dataclasses.dataclass(frozen=True)
class Tagged(Conversation):
    """A user's dataclass with all that a dataclass can say."""

    tags: list = dataclasses.field(default_factory=list)
    seen: int = dataclasses.field(default=7, init=False, repr=False, compare=False)
    suffix: dataclasses.InitVar[str] = "!"
    KIND: typing.ClassVar[str] = "tagged"

    def __post_init__(self, suffix):
        object.__setattr__(self, "title", self.title + suffix)


@dataclasses.dataclass(frozen=True)
class Counted(Token):
    """A user's event derived from one of ours."""

    n: int = 0


@dataclasses.dataclass
class Progress(Event):
    """A user's event that can be changed."""

    done: int = 0


@dataclasses.dataclass
class Row(Record):
    """A user's record that can be changed."""

    done: int = 0


class Plain(Event):
    """A user's event that is no dataclass at all."""

    def __init__(self, x):
        self.x = x


def test_class_of_a_user_with_its_own_init_is_copied_and_pickled():
    made = InSeconds(5)

    for again in (copy.copy(made), copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        assert vars(again) == {**vars(Timeout(total=5)), "given": 5}


def test_annotations_of_a_class_of_a_user_are_no_fields_unless_it_is_made_a_dataclass():
    assert Annotated(1, total=2) == Annotated(1, total=2)
    assert [one.name for one in dataclasses.fields(Annotated)] == list(names_of(Timeout))


def test_dataclass_that_a_user_derives_from_a_record_is_a_whole_dataclass():
    made = Tagged("1", "t", tags=["a"], suffix="?")

    assert (made.title, made.seen, made.KIND) == ("t?", 7, "tagged")
    assert made == pickle.loads(pickle.dumps(made)) == copy.deepcopy(made)
    assert dataclasses.replace(made, tags=[], suffix="").tags == []
    assert replace(Counted("a", 3), text="b") == Counted("b", 3)
    assert made.to_dict()["tags"] == ["a"]


def test_event_that_a_user_derives_keeps_its_fields():
    made = Counted("a", 2)

    assert pickle.loads(pickle.dumps(made)) == copy.copy(made) == made
    assert dataclasses.asdict(made) == {"text": "a", "n": 2}
    assert made != Token("a")


@pytest.mark.parametrize("made", [Progress(1), Row(1)])
def test_dataclass_of_a_user_that_is_not_frozen_can_be_changed(made):
    made.done = 2

    assert made == type(made)(2)


def test_event_of_a_user_that_is_no_dataclass_is_like_any_object():
    made = Plain(1)

    assert (made.x, made == made, made == Plain(1)) == (1, True, False)
    assert pickle.loads(pickle.dumps(made)).x == 1


def test_attribute_that_is_no_field_is_kept_by_a_copy_and_by_a_pickle():
    made = RequestData("a")
    made.other = 3

    assert copy.copy(made).other == pickle.loads(pickle.dumps(made)).other == 3


@each("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
@each("made", [Timeout(), Source("a", "b"), Token("a"), Status("a"), Counted("a")])
def test_values_pickle_with_every_protocol(made, protocol):
    assert pickle.loads(pickle.dumps(made, protocol)) == made


def test_event_that_an_earlier_release_pickled_is_read():
    written = (
        b"chugchat_sync.events\n_rebuild\np0\n(chugchat_sync.events\nStatus\np1\n"
        b"(Va\np2\nV\np3\nNtp4\ntp5\nRp6\n."
    )

    assert pickle.loads(written) == Status("a")
