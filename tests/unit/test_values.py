"""Plain values: what a dataclass gives, without its price at import."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle

import pytest

from hugchat_sync.records import Source
from hugchat_sync.values import Value, field, names_of, replace


class Point(Value):
    """A value with everything that a field can say."""

    x: int
    y: int = 0
    tags: list = field(default_factory=list)
    hidden: str = field(default="secret", repr=False)
    note: str = field(default="", compare=False)


class Deep(Point):
    """A value with a field more than its base."""

    z: int = 9


class Slotted(Value):
    """A value without a dict."""

    __slots__ = ("text",)
    text: str


class Open(Value, frozen=False):
    """A value whose fields can be set anew."""

    text: str = ""


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


@pytest.mark.parametrize("made", [Point(1), Deep(1, z=3), Slotted("a"), Open("b")])
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
    assert str(inspect.signature(Source)) == "(title, link, hostname='')"
