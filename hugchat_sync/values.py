"""Plain values: named fields, equal by what they hold, frozen unless they say otherwise.

``@dataclass(frozen=True)`` writes six functions for each class and compiles them: half a
millisecond a class, in every process that only wants to ask one question. The classes here share
one of each, and become dataclasses when somebody asks for their fields, so that
``dataclasses.fields``, ``replace`` and ``asdict`` of the standard library work as on any other.
"""

from __future__ import annotations

import sys
from functools import partial
from types import MemberDescriptorType
from typing import TYPE_CHECKING, Any, Callable, ClassVar, Mapping, TypeVar

if TYPE_CHECKING:
    from typing_extensions import dataclass_transform
else:

    def dataclass_transform(**_):  # noqa: D103
        return lambda kind: kind


V = TypeVar("V", bound="Value")

#: ``_MISSING``: nothing was said, not even None
_MISSING: Any = object()
_NO_NAMES: tuple[str, ...] = ()
_NOTHING: Mapping[str, Any] = {}


class _Field:
    """What a class says of one of its fields besides its type."""

    __slots__ = ("said",)

    def __init__(self, said: dict[str, Any]) -> None:
        self.said = said


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
    if default is not _MISSING:
        said["default"] = default
    if default_factory is not _MISSING:
        said["default_factory"] = default_factory
    return _Field(said)


class _FieldsWhenAsked:
    """Makes a class a dataclass when its fields are asked for."""

    def __get__(self, value: object, kind: type[Value]) -> Any:
        if not kind._names:
            raise AttributeError("__dataclass_fields__")
        import dataclasses

        own = _own_annotations(kind)
        for name, said in kind._said.items():
            if name in own:
                setattr(kind, name, dataclasses.field(**said))
        frozen = kind.__setattr__ is not object.__setattr__
        dataclasses.dataclass(init=False, repr=False, eq=False, frozen=frozen)(kind)
        return kind.__dict__["__dataclass_fields__"]


def _init_of(kind: type[Value]) -> Callable[..., None]:
    """Return the ``__init__`` of a class, with its fields as parameters."""
    given, lines = [], []
    for name in kind._names:
        default = f"=_defaults[{name!r}]" if name in kind._defaults else ""
        value = name
        if name in kind._factories:
            default = "=_MISSING"
            value = f"_factories[{name!r}]() if {name} is _MISSING else {name}"
        given.append(f"{name}{default}")
        lines.append(f"_set(self, {name!r}, {value})")
    if kind.__post_init__ is not Value.__post_init__:
        lines.append("self.__post_init__()")
    code = f"def __init__(self, {', '.join(given)}):\n " + "\n ".join(lines or ["pass"])
    made = {
        "_set": object.__setattr__,
        "_MISSING": _MISSING,
        "_defaults": kind._defaults,
        "_factories": kind._factories,
    }
    exec(code, made)  # noqa: S102 -- made of names of fields alone, as a dataclass does it
    init: Callable[..., None] = made["__init__"]
    init.__qualname__ = f"{kind.__qualname__}.__init__"
    return init


class _SignatureWhenAsked:
    """Tells ``inspect.signature`` and ``help`` what a class takes, also before one was made."""

    def __get__(self, value: object, kind: type[Value]) -> Any:
        from inspect import signature

        init: Callable[..., None] = _init_of(kind) if kind.__init__ is _FIRST else kind.__init__
        return signature(partial(init, None))  # without self


def _own_annotations(kind: type) -> Mapping[str, Any]:
    own = kind.__dict__.get("__annotations__")
    if own is None and sys.version_info >= (3, 10):  # since 3.14 they are made when asked for
        return kind.__annotations__
    return own or {}


@dataclass_transform(frozen_default=True, field_specifiers=(field,))
class Value:
    """The base of all plain values; a subclass lists its fields as annotations.

    :param frozen: ``False`` lets the fields of this class be set anew.
    """

    __slots__ = ()
    __signature__ = _SignatureWhenAsked()
    _names = _NO_NAMES
    _defaults = _NOTHING
    _factories = _NOTHING
    _said = _NOTHING
    _compared = _NO_NAMES

    if TYPE_CHECKING:  # to type checkers it is a dataclass
        __dataclass_fields__: ClassVar[dict[str, Any]]

    def __init_subclass__(cls, frozen: bool = True, **options: Any) -> None:
        super().__init_subclass__(**options)
        defaults, factories, said = dict(cls._defaults), dict(cls._factories), dict(cls._said)
        own = _own_annotations(cls)
        for name in own:
            default = cls.__dict__.get(name, _MISSING)
            if isinstance(default, _Field):
                said[name] = default.said
                delattr(cls, name)
                if "default_factory" in default.said:
                    factories[name] = default.said["default_factory"]
                default = default.said.get("default", _MISSING)
            if default is not _MISSING and not isinstance(default, MemberDescriptorType):
                defaults[name] = default
        names = tuple(dict.fromkeys((*cls._names, *own)))
        cls._names = names
        cls.__match_args__ = names  # type: ignore[attr-defined, misc]
        cls._defaults, cls._factories, cls._said = defaults, factories, said
        cls._compared = tuple(n for n in names if said.get(n, _NOTHING).get("compare", True))
        cls.__dataclass_fields__ = _FieldsWhenAsked()  # type: ignore[assignment]
        if own and "__init__" not in cls.__dict__:
            cls.__init__ = _FIRST  # type: ignore[method-assign]
        if not frozen:
            cls.__setattr__ = object.__setattr__  # type: ignore[method-assign, assignment]
            cls.__delattr__ = object.__delattr__  # type: ignore[method-assign]
            if "__hash__" not in cls.__dict__:
                cls.__hash__ = None  # type: ignore[assignment]

    def __init__(self, *values: Any, **named: Any) -> None:
        # the first one of its class: many a class is loaded of which a process makes none
        kind = next(kind for kind in type(self).__mro__ if kind.__dict__.get("__init__") is _FIRST)
        kind.__init__ = _init_of(kind)  # type: ignore[misc]
        kind.__init__(self, *values, **named)  # type: ignore[misc]

    def __post_init__(self) -> None:
        """Check or complete what was given, where a class has something to check."""

    def __repr__(self) -> str:
        # also of a value that is not completely made: a debugger may ask
        shown = [
            f"{name}={getattr(self, name)!r}"
            for name in self._names
            if hasattr(self, name) and self._said.get(name, _NOTHING).get("repr", True)
        ]
        return f"{type(self).__qualname__}({', '.join(shown)})"

    def __eq__(self, other: object) -> bool:
        if type(other) is not type(self):
            return NotImplemented
        return all(getattr(self, name) == getattr(other, name) for name in self._compared)

    def __hash__(self) -> int:
        return hash(tuple([getattr(self, name) for name in self._compared]))

    def __setattr__(self, name: str, value: object) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot assign to field {name!r}")

    def __delattr__(self, name: str) -> None:
        from dataclasses import FrozenInstanceError

        raise FrozenInstanceError(f"cannot delete field {name!r}")

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # as it was made, and not attribute by attribute: those are frozen
        return _rebuilt, (type(self), {n: getattr(self, n) for n in self._names})


_FIRST = Value.__init__


def _rebuilt(kind: type[V], fields: Mapping[str, Any]) -> V:
    return kind(**fields)


def names_of(value: Value | type[Value]) -> tuple[str, ...]:
    """Return the names of the fields, in their order."""
    return value._names


def replace(value: V, **changes: Any) -> V:
    """Return *value* with some fields changed."""
    fields = {name: getattr(value, name) for name in value._names}
    return type(value)(**{**fields, **changes})
