"""What a report tells to do on the mail server at hand."""

from __future__ import annotations

import pytest

from probe.catalogue.instructions import instructions
from probe.catalogue.recipes import ids, recipe

SLOTS = {
    "host": "mx.example.test",
    "port": "25",
    "endpoint": "mx.example.test:25",
    "starttls": "-starttls smtp",
    "sni": "",
}
INSTALLED = "missing-intermediate"
RELOADED = "expired"
NEITHER = "connect-refused"


def shown(commands: tuple[str, ...]) -> tuple[str, ...]:
    """Commands as they stand among the lines of a report."""
    return tuple(f"$ {line}" for line in commands)


def test_a_list_is_installed_then_seen_then_looked_at_again() -> None:
    """A sentence before each run of commands; what does not fit into two sentences is in the recipe."""
    chosen = recipe("postfix")
    assert instructions(INSTALLED, "postfix", SLOTS, can_install=True) == (
        f"{chosen.brief('install')} `smtp-chaincheck explain postfix` says where the file is named, and more.",
        *shown(chosen.commands("install")),
        chosen.brief("reload"),
        *shown(chosen.commands("reload")),
        "Look again:",
        "$ smtp-chaincheck mx.example.test:25",
    )


@pytest.mark.parametrize("name", ids())
def test_a_new_file_of_their_own_is_only_reloaded(name: str) -> None:
    """Where nothing of ours can be installed, the reload is told, and where the file is named."""
    lines = instructions(RELOADED, name, SLOTS, can_install=True)
    assert lines[0].endswith(f"`smtp-chaincheck explain {name}` says where the file is named, and more.")
    assert lines[1:] == (
        *shown(recipe(name).commands("reload")),
        "Look again:",
        "$ smtp-chaincheck mx.example.test:25",
    )


def test_the_caller_may_name_another_section() -> None:
    """A finding that goes away with the repair is mended by it, whatever its page says."""
    installed = instructions(INSTALLED, "exim", SLOTS, can_install=True)
    assert instructions(RELOADED, "exim", SLOTS, can_install=True, section="install") == installed
    assert instructions(NEITHER, "exim", SLOTS, can_install=True, section="install") == installed
    assert instructions(INSTALLED, "exim", SLOTS, can_install=True, section="") == ()


@pytest.mark.parametrize("section", [None, "install"])
def test_nothing_is_installed_that_nobody_has(section: str | None) -> None:
    """Without a list there are no commands for it."""
    assert instructions(INSTALLED, "postfix", SLOTS, can_install=False, section=section) == ()


def test_what_no_file_mends_has_no_instructions() -> None:
    """A closed port is not opened by a certificate."""
    assert instructions(NEITHER, "postfix", SLOTS, can_install=True) == ()


@pytest.mark.parametrize("software", [None, "lotus"])
def test_unknown_software_gets_the_generic_recipe(software: str | None) -> None:
    """Its placeholders say that they are some."""
    lines = instructions(INSTALLED, software, SLOTS, can_install=True)
    assert "$ F=/path/to/your/certificate.pem" in lines
    assert "`smtp-chaincheck explain generic`" in lines[0]


def test_without_an_endpoint_there_is_nothing_to_look_at() -> None:
    """Certificates out of a file come from no server that we know."""
    lines = instructions(RELOADED, "postfix", {"endpoint": ""}, can_install=True)
    assert lines[-1] == "$ postfix reload"


def test_the_command_that_looks_again_is_one_word_of_a_shell() -> None:
    """An IPv6 address has brackets, which a shell would take for a pattern."""
    lines = instructions(RELOADED, "postfix", {"endpoint": "[2001:db8::25]:25"}, can_install=True)
    assert lines[-1] == "$ smtp-chaincheck '[2001:db8::25]:25'"
