from __future__ import annotations

from collections import Counter
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st
from render.several import DOWN, RIGHT, STAR, at

from probe.model import EndpointReport
from probe.render.looks import servers
from probe.render.places import USUAL, Manner, asked, briefly, manner, places, where

BARE: Manner = (False, None, None)
RSA: Manner = (True, "rsa", None)
ECDSA: Manner = (True, "ecdsa", None)
OLD: Manner = (True, None, "TLSv1.2")
NEW: Manner = (True, None, "TLSv1.3")
SIX = (USUAL, BARE, RSA, ECDSA, OLD, NEW)
ALL_OF_THEM: tuple[Manner, ...] = tuple(product((True, False), (None, "rsa", "ecdsa"), (None, "TLSv1.2", "TLSv1.3")))


@pytest.mark.parametrize(
    ("chosen", "words"),
    [
        (SIX, ""),
        ([BARE], "without SNI"),
        ([ECDSA], "ECDSA"),
        ([RSA, ECDSA], "ECDSA, RSA"),
        ([OLD], "TLS 1.2"),
        ([USUAL, RSA, ECDSA, OLD, NEW], "with SNI"),
        ([USUAL, BARE, RSA, OLD, NEW], "except ECDSA"),
        ([USUAL, RSA, OLD, NEW], "with SNI, except ECDSA"),
        ([USUAL, BARE, RSA, ECDSA, NEW], "except TLS 1.2"),
        ([BARE, ECDSA], "without SNI; ECDSA"),
        ([USUAL], "as usual"),
        ([USUAL, BARE], "except ECDSA, RSA, except TLS 1.2, TLS 1.3"),
    ],
)
def test_a_manner_is_told_in_the_fewest_words(chosen: list[Manner], words: str) -> None:
    """By what these looks have in common, and the others have not."""
    assert manner(Counter(chosen), Counter(SIX)) == words


def test_one_difference_alone_is_named() -> None:
    """Where nothing but the server name is another."""
    assert manner(Counter([USUAL]), Counter([USUAL, BARE])) == "with SNI"
    assert manner(Counter([USUAL]), Counter([USUAL, NEW])) == "except TLS 1.3"


@given(st.sampled_from([SIX, ALL_OF_THEM]), st.data())
def test_two_choices_have_two_names(every: tuple[Manner, ...], data: st.DataObject) -> None:
    """Whoever reads it knows which looks are meant."""
    one, two = (data.draw(st.sets(st.sampled_from(every), min_size=1)) for _ in range(2))
    counts = Counter(every)
    assert (manner(Counter(sorted(one, key=repr)), counts) == manner(Counter(sorted(two, key=repr)), counts)) is (
        one == two
    )


def test_a_pool_is_told_in_times() -> None:
    """The same question was answered in two ways."""
    assert manner(Counter({USUAL: 2}), Counter({USUAL: 5})) == "2 of 5 times"
    assert (
        manner(Counter({USUAL: 5, BARE: 2}), Counter({USUAL: 5, BARE: 5}))
        == "as usual: 5 of 5 times; without SNI: 2 of 5 times"
    )
    assert manner(Counter({USUAL: 1, BARE: 1}), Counter({USUAL: 2, BARE: 1})) == "as usual: 1 of 2 times; without SNI"


def looks(*addresses: str, host: str = "mx", manners: tuple[dict[str, object], ...] = ({},)) -> list[EndpointReport]:
    """Looks at one host."""
    return [at(RIGHT, host, address, **how) for address in addresses for how in manners]


def test_addresses_are_told_where_they_make_the_difference() -> None:
    """And left out where all of them answered alike."""
    seen = looks("192.0.2.1", "2001:db8::1", manners=STAR)
    (server,) = servers(seen)
    assert where(seen[:6], server) == "192.0.2.1"
    assert where(seen, server) == "192.0.2.1, 2001:db8::1"
    assert where([seen[1], seen[7]], server) == "without SNI"
    assert where([seen[1]], server) == "192.0.2.1 (without SNI)"
    assert where([seen[1], *seen[6:]], server) == "192.0.2.1 (without SNI) and 2001:db8::1"


def test_many_addresses_are_counted() -> None:
    """Four are named."""
    seen = looks(*(f"192.0.2.{n}" for n in range(9)))
    (server,) = servers(seen)
    assert where(seen, server) == "192.0.2.0, 192.0.2.1, 192.0.2.2, 192.0.2.3 and 5 more"
    assert where(seen, server, 9).endswith("192.0.2.8")


def test_places_name_host_and_address() -> None:
    """The host goes without saying where there is but one; many are counted."""
    one, two = looks("192.0.2.1", host="mx1"), looks("192.0.2.2", "192.0.2.3", host="mx2")
    assert places([*one, two[1]], [*one, *two]) == "mx1, 192.0.2.1; mx2, 192.0.2.3"
    assert places(two[:1], two) == "192.0.2.2"
    nowhere = at(DOWN, "mx3", None)
    assert places([nowhere], [*one, nowhere]) == "mx3"
    many = [look for n in range(6) for look in looks("192.0.2.1", host=f"mx{n}")]
    assert places(many, many) == "mx0, 192.0.2.1; mx1, 192.0.2.1; mx2, 192.0.2.1; mx3, 192.0.2.1; 2 more"
    assert "more" not in places(many, many, 6)


def test_equal_looks_are_still_several() -> None:
    """Two looks that saw the same at the same place are not one."""
    seen = looks("192.0.2.1", "192.0.2.1")
    assert places(seen[:1], seen) == "192.0.2.1 (1 of 2 times)"


def test_the_first_line_has_few_words() -> None:
    """A family of addresses, a manner, a host, or a host and how many more."""
    dual = looks("192.0.2.1", "2001:db8::1", "2001:db8::2")
    assert briefly(dual, dual) == ""
    assert briefly(dual[1:], dual) == "over IPv6"
    assert briefly(dual[:1], dual) == "over IPv4"
    assert briefly(dual[1:2], dual) == "2001:db8::1"
    other = looks("192.0.2.9", host="mx2")
    assert briefly(other, [*dual, *other]) == "mx2"
    assert briefly(dual[:1], [*dual, *other]) == "mx over IPv4"
    assert briefly(dual[1:2], [*dual, *other]) == "mx, 2001:db8::1"
    assert briefly([dual[0], *other], [*dual, *other]) == "mx and mx2"
    third = looks("192.0.2.8", host="mx3")
    assert briefly([dual[1], *other, *third], [*dual, *other, *third]) == "mx and 2 more"
    many = looks("192.0.2.1", "192.0.2.2", "2001:db8::1", manners=STAR)
    assert briefly([many[0], many[6], many[13]], [*many, *other]) == "mx, at 3 of 18 looks"


def test_how_each_address_was_asked_is_told_once() -> None:
    """Nothing where each was asked once, as usual."""
    assert asked(looks("192.0.2.1", "192.0.2.2")) == ""
    assert asked(looks("192.0.2.1", manners=STAR)) == (
        "with and without SNI, for RSA and ECDSA alone, with TLS 1.2 and TLS 1.3 alone"
    )
    assert asked(looks(*["192.0.2.1"] * 3)) == "3 times"
    assert asked([]) == ""
