"""The commands that mend a finding on the mail server at hand: from the page to the section of the recipe it names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING

from probe.catalogue.pages import page
from probe.catalogue.protocols import spoken_of

if TYPE_CHECKING:
    from probe.catalogue.recipes import Recipe

SECTIONS = {"install": ("install", "reload"), "reload": ("reload",), "": ()}
"""What a page names → the sections of the recipe whose commands are given, in order."""

MORE = "`smtp-chaincheck explain {id}` says where the file is named, and more."
AGAIN = "Look again:"
OURS = "smtp-chaincheck "
"""What the command begins with that looks again; it stands in the recipe's section "check"."""


def instructions(
    finding_id: str,
    software: str | None,
    slots: Mapping[str, str],
    *,
    can_install: bool,
    section: str | None = None,
    voice: str = "",
) -> tuple[str, ...]:
    """Return sentences and command lines (these begin with "$ "), filled in for this endpoint; () without a recipe.

    ``software`` is a recipe id; unknown software gets the generic recipe. ``can_install`` says that there is a list
    to install which differs from what is served. ``section`` ("install", "reload" or "") goes before the one that the
    page names; ``voice`` is "file" where a file was judged. The lines of one run of commands are for one shell. The
    last command looks again; it is left out where ``slots`` has no "endpoint".
    """
    wanted = page(finding_id).recipe if section is None else section
    if not SECTIONS[wanted] or (wanted == "install" and not can_install):
        return ()
    from probe.catalogue.recipes import GENERIC, recipe

    chosen = recipe(software or GENERIC)
    known = {name: value for name, value in slots.items() if name in chosen.slots and value}
    return tuple(line for line in (*_steps(chosen, wanted, known, voice), *_again(chosen, known)) if line)


def _steps(chosen: Recipe, wanted: str, known: Mapping[str, str], voice: str) -> Iterator[str]:
    more = MORE.format(id=chosen.id)
    for name in SECTIONS[wanted]:
        yield f"{spoken_of(voice, chosen.brief(name))} {more}".strip()
        yield from (f"$ {line}" for line in chosen.commands(name, **known))
        more = ""


def _again(chosen: Recipe, known: Mapping[str, str]) -> Iterator[str]:
    if "endpoint" in known:
        yield AGAIN
        yield from (f"$ {line}" for line in chosen.commands("check", **known) if line.startswith(OURS))
