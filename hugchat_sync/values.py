"""Plain values: named fields, equal by what they hold, frozen unless they say otherwise.

``@dataclass(frozen=True)`` writes six functions for each class and compiles them: half a
millisecond a class, in every process that only wants to ask one question. The classes here share
one of each, and become dataclasses when somebody asks for their fields, so that
``dataclasses.fields``, ``replace`` and ``asdict`` of the standard library work as on any other.
A class that a user derives from one of them is as the user makes it: it gets no fields unless
:func:`dataclasses.dataclass` gives it some.
"""

from __future__ import annotations

import sys
from functools import partial
from types import FunctionType, MemberDescriptorType
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Dict, Mapping, TypeVar, overload

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_):  # noqa: D103
        return lambda made: made


V = TypeVar("V", bound="Value")

_NOTHING: Mapping[str, Any] = {}


class _Missing:
    """No default was given, not even None; a signature shows it where each value makes its own."""

    def __repr__(self) -> str:
        return "<factory>"


_MISSING: Any = _Missing()


class _Field(Dict[str, Any]):
    """What a class says of one of its fields besides its type."""


def field(
    *,
    default: Any = _MISSING,
    default_factory: Any = _MISSING,
    repr: bool = True,  # noqa: A002
    compare: bool = True,
    metadata: Mapping[str, Any] | None = None,
) -> Any:
    """Say more of a field than its default, in the words of :func:`dataclasses.field`."""
    said = {"repr": repr, "compare": compare, "metadata": metadata}
    said.update(default=default, default_factory=default_factory)
    return _Field({name: one for name, one in said.items() if one is not _MISSING})


class _Form:
    """The fields of one class, and what is made of them when it is needed."""

    def __init__(self, kind: type[Value], *, frozen: bool) -> None:
        base, own = kind._form, _own_annotations(kind)
        self.kind = kind
        self.frozen = frozen
        self.types: dict[str, Any] = {**(base.types if base else _NOTHING), **own}
        self.options: dict[str, Mapping[str, Any]] = dict(base.options) if base else {}
        for name in own:
            default = kind.__dict__.get(name, _MISSING)
            self.options[name] = _NOTHING
            if isinstance(default, _Field):
                self.options[name] = default
                delattr(kind, name)
                if "default" in default:
                    setattr(kind, name, default["default"])
            elif default is not _MISSING and not isinstance(default, MemberDescriptorType):
                self.options[name] = {"default": default}
        self.names = tuple(self.types)
        self.compared = tuple([n for n in self.names if self.options[n].get("compare", True)])

    def write_init(self) -> Callable[..., None]:
        """Return the ``__init__`` of the class, with its fields as parameters."""
        given, lines = [], []
        for name, options in self.options.items():
            default, value = "", name
            if "default" in options:
                default = f"=_said[{name!r}]['default']"
            elif "default_factory" in options:
                default = "=_MISSING"
                value = f"_said[{name!r}]['default_factory']() if {name} is _MISSING else {name}"
            given.append(f"{name}{default}")
            lines.append(f"_set(self, {name!r}, {value})")
        if self.kind.__post_init__ is not Value.__post_init__:
            lines.append("self.__post_init__()")
        code = (
            f"def write(_set, _said, _MISSING):\n def __init__(self, {', '.join(given)}):\n  "
            + "\n  ".join(lines or ["pass"])
            + "\n return __init__"
        )
        made: dict[str, Any] = {}
        module = sys.modules.get(self.kind.__module__)  # where the annotations find their names
        exec(code, vars(module) if module else {}, made)  # noqa: S102 -- as a dataclass does it
        init: FunctionType = made["write"](object.__setattr__, self.options, _MISSING)
        init.__qualname__ = f"{self.kind.__qualname__}.__init__"
        init.__annotations__ = {**self.types, "return": None}
        return init

    def as_dataclass(self) -> type:
        """Return a dataclass with the same fields, whose description holds for this class, too."""
        import dataclasses

        options = {name: dataclasses.field(**one) for name, one in self.options.items() if one}
        names = {"__module__": self.kind.__module__, "__annotations__": dict(self.types), **options}
        return dataclasses.dataclass(frozen=self.frozen)(type(self.kind.__name__, (), names))


class _WhenAsked:
    """An attribute of a class that is made at its first use: of many a class no value is made.

    The ``__init__`` is written; all else is that of the dataclass with the same fields.
    """

    def __init__(self, form: _Form, name: str) -> None:
        self._form = form
        self._name = name

    def __get__(self, value: object, kind: type[Value]) -> Any:
        form, name = self._form, self._name
        is_init = name == "__init__"
        made: Any = form.write_init() if is_init else getattr(form.as_dataclass(), name)
        setattr(form.kind, name, made)  # of several threads one is the last to set it
        return made.__get__(value, kind) if is_init else made


def _own_annotations(kind: type) -> Mapping[str, Any]:
    annotations = kind.__dict__.get("__annotations__")
    if annotations is None and sys.version_info >= (3, 10):
        return kind.__annotations__  # since 3.14 they are made when asked for
    return annotations or {}


class Value:
    """The base of all plain values; :func:`with_fields` makes a class of them one."""

    __slots__ = ()
    if TYPE_CHECKING:  # unseen at run time, where annotations are looked at
        _form: ClassVar[_Form | None]
        __dataclass_fields__: ClassVar[dict[str, Any]]
    _form = None  # of the nearest class with fields

    def __post_init__(self) -> None:
        """Check or complete what was given, where a class has something to check."""

    def __repr__(self) -> str:
        # also of a value that is not completely made: a debugger may ask
        options = self._form.options if self._form else _NOTHING
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name, one in options.items()
            if hasattr(self, name) and one.get("repr", True)
        ]
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self) or not self._form:
            return NotImplemented
        names = self._form.compared
        return [getattr(self, name) for name in names] == [getattr(other, name) for name in names]

    def __hash__(self) -> int:
        if not self._form:
            return object.__hash__(self)
        return hash(tuple([getattr(self, name) for name in self._form.compared]))

    def __setattr__(self, name: str, value: object) -> None:
        self._check_open(name, "assign to")
        object.__setattr__(self, name, value)

    def __delattr__(self, name: str) -> None:
        self._check_open(name, "delete")
        object.__delattr__(self, name)

    def _check_open(self, name: str, change: str) -> None:
        # as with dataclasses, a class derived from a frozen one may have attributes of its own
        form = self._form
        if form and (type(self) is form.kind or name in form.types):
            from dataclasses import FrozenInstanceError

            raise FrozenInstanceError(f"cannot {change} field {name!r}")


@overload
def with_fields(kind: type[V]) -> type[V]: ...


@overload
def with_fields(*, frozen: bool) -> Callable[[type[V]], type[V]]: ...


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
def with_fields(kind: Any = None, *, frozen: bool = True) -> Any:
    """Make the annotations of a class of values its fields.

    :param frozen: ``False`` lets them be set anew.
    """
    if kind is None:
        return partial(with_fields, frozen=frozen)
    form = kind._form = _Form(kind, frozen=frozen)
    kind.__match_args__ = form.names  # type: ignore[misc]
    for name in ("__init__", "__dataclass_fields__", "__dataclass_params__"):
        if name not in kind.__dict__:
            setattr(kind, name, _WhenAsked(form, name))
    if not frozen:
        kind.__setattr__ = object.__setattr__
        kind.__delattr__ = object.__delattr__
        if "__hash__" not in kind.__dict__:
            kind.__hash__ = None
    return kind


def names_of(value: Value | type[Value]) -> tuple[str, ...]:
    """Return the names of the fields, in their order."""
    return value._form.names if value._form else ()


def replace(value: V, **changes: Any) -> V:
    """Return *value* with some fields changed."""
    if not value._form or type(value) is not value._form.kind:  # a user's may have more fields
        import dataclasses

        return dataclasses.replace(value, **changes)
    return type(value)(**{**{name: getattr(value, name) for name in names_of(value)}, **changes})
