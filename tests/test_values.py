"""Values that are made cheaply are those that dataclasses makes."""

from __future__ import annotations

import copy
import dataclasses
import inspect
import pickle
from collections.abc import Callable
from dataclasses import FrozenInstanceError, field
from typing import Any

import pytest

from probe import values
from probe.model import Endpoint, Reply, Target, Tls

Maker = Callable[..., Callable[[type], type]]
MAKERS: list[Maker] = [dataclasses.dataclass, values.dataclass]


def made(maker: Maker, *, frozen: bool, eq: bool = True) -> Any:
    """A class with all that a field can have, by either maker."""

    class Parcel:
        """What is sent."""

        name: str
        weight: int = 3
        key: bytes = field(default=b"k", repr=False)
        stamps: list[int] = field(default_factory=list)

        @property
        def heavy(self) -> bool:
            return self.weight > 5

    return maker(slots=True, frozen=frozen, eq=eq)(Parcel)


@pytest.mark.parametrize("frozen", [True, False])
def test_it_is_a_dataclass(frozen: bool) -> None:
    """Fields, text, equality, hash, replace, asdict, patterns and parameters are those of the standard one."""
    standard, ours = (made(maker, frozen=frozen) for maker in MAKERS)
    for kind in (standard, *([ours] * (values.FEW + 1))):
        one = kind("a", stamps=[1])
        assert (one.name, one.weight, one.key, one.stamps, one.heavy) == ("a", 3, b"k", [1], False)
        assert one == kind("a", 3, b"k", [1])
        assert one != kind("a", 4, b"k", [1])
        assert one != "a"
        assert kind("b").stamps is not kind("b").stamps
        assert dataclasses.replace(one, weight=6).heavy
        assert dataclasses.asdict(one) == {"name": "a", "weight": 3, "key": b"k", "stamps": [1]}
        assert not hasattr(one, "__dict__")
    assert repr(ours("a")) == repr(standard("a"))
    assert ours.__match_args__ == standard.__match_args__
    assert (ours.__doc__, ours.__module__, ours.__qualname__) == (standard.__doc__, __name__, standard.__qualname__)
    assert [*inspect.signature(ours).parameters] == [*inspect.signature(standard).parameters]
    assert ours("a") != standard("a")


@pytest.mark.parametrize("maker", MAKERS)
def test_a_wrong_call_says_what_is_wrong(maker: Maker) -> None:
    """The first call, one behind some values, and the next."""
    kind = made(maker, frozen=True)
    for calls in (0, 3, 0):
        for _ in range(calls):
            kind("a")
        with pytest.raises(TypeError, match=r"Parcel.__init__\(\) missing 1 required positional argument: 'name'"):
            kind()
        with pytest.raises(TypeError, match="unexpected keyword argument 'colour'"):
            kind("a", colour="red")
        with pytest.raises(TypeError, match="multiple values for argument 'name'"):
            kind("a", name="b")
        with pytest.raises(TypeError, match="positional argument"):
            kind("a", 1, b"", [], 5)


@pytest.mark.parametrize("maker", MAKERS)
def test_what_is_frozen_stays(maker: Maker) -> None:
    """No field can be set or deleted, and the hash is that of the fields; what is not frozen has none."""
    one = made(maker, frozen=True)("a", stamps=())
    with pytest.raises(FrozenInstanceError, match="cannot assign to field 'name'"):
        one.name = "b"
    with pytest.raises(FrozenInstanceError, match="field 'name'"):
        del one.name
    with pytest.raises((FrozenInstanceError, TypeError)):  # the latter is a slip of the standard one
        one.colour = "red"
    assert hash(one) == hash(made(maker, frozen=True)("a", stamps=()))
    loose = made(maker, frozen=False)("a")
    loose.name = "b"
    assert loose.name == "b"
    with pytest.raises(TypeError, match="unhashable"):
        hash(loose)


@pytest.mark.parametrize("maker", MAKERS)
def test_without_eq_only_the_same_one_is_equal(maker: Maker) -> None:
    """And both can be kept in a set."""
    kind = made(maker, frozen=False, eq=False)
    one = kind("a")
    assert one != kind("a")
    assert len({one, kind("a")}) == 2


@pytest.mark.parametrize("maker", MAKERS)
def test_a_field_may_be_set_behind_the_others(maker: Maker) -> None:
    """``__post_init__`` is called, and a field that it sets is no parameter; a hash of one's own is kept."""

    class Box:
        """A box."""

        width: int
        area: int = field(init=False)

        def __post_init__(self) -> None:
            self.area = self.width**2

        def __hash__(self) -> int:
            return 7

    kind: Any = maker(slots=True)(Box)
    assert kind(2).area == 4
    with pytest.raises(TypeError, match="unexpected keyword argument 'area'"):
        kind(3, area=4)
    for _ in range(values.FEW + 1):
        assert (kind(3).area, hash(kind(3))) == (9, 7)
    with pytest.raises(TypeError, match="positional argument"):
        kind(3, 4)


def test_values_can_be_copied_and_pickled() -> None:
    """By the standard library's own means."""
    place = Endpoint("mx.example.com", "192.0.2.25", 25, tls=Tls.NONE)
    for one in (place, Target("mx.example.com"), Reply(220, ("mx ESMTP",))):
        assert copy.copy(one) == copy.deepcopy(one) == pickle.loads(pickle.dumps(one)) == one  # noqa: S301 -- our own
