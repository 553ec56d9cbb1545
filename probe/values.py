"""``dataclass`` for classes with slots: what the standard one makes, in a thirtieth of its time.

That one compiles up to six methods of each class, nearly a millisecond in all, and a look needs a hundred classes. Here
only ``__init__`` is compiled, and only of classes of which there are many values; the fields are described to
``replace`` and its like when one of them asks. For a type checker it is the standard one.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from dataclasses import MISSING, Field
from functools import partial
from itertools import count
from operator import attrgetter
from typing import TYPE_CHECKING, Any, Literal

FEW = 32
"""Values of a class that are made before it is worth a compiled ``__init__``."""


def in_slots(*, slots: Literal[True], frozen: bool = False, eq: bool = True) -> Callable[[type], type]:  # noqa: ARG001
    """Make a dataclass in slots of a class without a base; a frozen one has a hash, too."""
    return partial(_made, frozen=frozen, eq=eq)


if TYPE_CHECKING:
    from dataclasses import dataclass as dataclass  # noqa: PLC0414 -- a type checker takes it for exported only so
else:
    dataclass = in_slots


class _Described:
    """The fields as dataclasses describes them, once somebody asks."""

    def __init__(self, declared: type) -> None:
        self._declared = declared

    def __get__(self, _: object, cls: Any) -> Mapping[str, Field[Any]]:
        standard: Any = dataclasses.dataclass(init=False, repr=False, eq=False)(self._declared)
        cls.__dataclass_fields__ = standard.__dataclass_fields__
        return cls.__dataclass_fields__  # type: ignore[no-any-return]


def _made(declared: type, *, frozen: bool, eq: bool) -> type:
    cls: Any = _slotted(declared)
    cls.__init__, cls.__repr__ = _beginning(cls, declared, "set_{0}(self, {1})" if frozen else "self.{0} = {1}"), _repr
    if eq:
        _compared(cls, attrgetter(*cls.__slots__), frozen=frozen)
    if frozen:
        cls.__setattr__, cls.__delattr__, cls.__reduce__ = _refuse, _refuse, _reduce
    return cls  # type: ignore[no-any-return]


def _slotted(declared: type) -> type:
    """Make the class anew with its fields as slots; a default would stand where the slot has to."""
    names = tuple(declared.__annotations__)
    kept = {name: value for name, value in declared.__dict__.items() if name not in {*names, "__dict__", "__weakref__"}}
    more = {"__slots__": names, "__match_args__": names, "__qualname__": declared.__qualname__}
    return type(declared.__name__, (), kept | more | {"__dataclass_fields__": _Described(declared)})


def _beginning(cls: Any, declared: type, assignment: str) -> Callable[..., None]:
    """Give the first ``__init__``, which makes a few values and then way for a compiled one."""
    own = {name: declared.__dict__.get(name, MISSING) for name in cls.__slots__}
    names = tuple(name for name, value in own.items() if not isinstance(value, Field) or value.init)
    usual, made = {name: own[name] for name in names if own[name] is not MISSING}, count()

    def begin(self: Any, *words: object, **named: object) -> None:
        given = dict(zip(names, words, strict=False))
        sound = len(given) == len(words) and not given.keys() & named.keys()
        given = usual | given | named
        if not sound or given.keys() != {*names} or next(made) >= FEW:
            cls.__init__ = _compiled(cls, assignment)
            cls.__init__(self, *words, **named)
            return
        for name in names:
            value = given[name]
            object.__setattr__(self, name, _usual(value) if isinstance(value, Field) else value)
        if hasattr(self, "__post_init__"):
            self.__post_init__()

    return begin


def _usual(field: Field[Any]) -> object:
    return field.default if field.default_factory is MISSING else field.default_factory()


def _compared(cls: Any, values: Callable[[object], object], *, frozen: bool) -> None:
    def same(self: object, other: object) -> bool:
        return bool(values(self) == values(other)) if other.__class__ is cls else NotImplemented

    own = cls.__dict__.get("__hash__")
    cls.__eq__ = same
    cls.__hash__ = own or ((lambda self: hash(values(self))) if frozen else None)


def _compiled(cls: type, assignment: str) -> Callable[..., None]:
    """Compile ``__init__``; a slot's own descriptor sets it where the class is frozen."""
    known: dict[str, Any] = {"ABSENT": MISSING}
    words, lines = ["self"], []
    for field in dataclasses.fields(cls):
        known[f"set_{field.name}"] = getattr(cls, field.name).__set__
        if field.init:
            word, value = _word(field, known)
            words.append(word)
            lines.append(assignment.format(field.name, value))
    if hasattr(cls, "__post_init__"):
        lines.append("self.__post_init__()")
    exec(f"def __init__({', '.join(words)}):\n " + "\n ".join(lines), known)  # noqa: S102 -- names of our own fields
    made: Callable[..., None] = known["__init__"]
    made.__qualname__ = f"{cls.__qualname__}.__init__"
    return made


def _word(field: Field[Any], known: dict[str, Any]) -> tuple[str, str]:
    """How a field stands among the parameters, and its value."""
    name = field.name
    if field.default is not MISSING:
        known[f"usual_{name}"] = field.default
        return f"{name}=usual_{name}", name
    if field.default_factory is not MISSING:
        known[f"make_{name}"] = field.default_factory
        return f"{name}=ABSENT", f"make_{name}() if {name} is ABSENT else {name}"
    return name, name


def _repr(self: Any) -> str:
    shown = (field.name for field in dataclasses.fields(self) if field.repr)
    return f"{self.__class__.__qualname__}({', '.join(f'{name}={getattr(self, name)!r}' for name in shown)})"


def _reduce(self: Any) -> tuple[type, tuple[object, ...]]:
    return self.__class__, tuple(getattr(self, name) for name in self.__slots__)


def _refuse(_: object, name: str, *__: object) -> None:
    raise dataclasses.FrozenInstanceError(f"cannot assign to field {name!r}")
