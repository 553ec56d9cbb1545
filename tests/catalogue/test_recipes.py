"""The recipes: their form, and their commands run by a real shell on real files. Real servers follow in tests/real/."""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from collections.abc import Iterator, Sequence
from itertools import product
from pathlib import Path

import forge
import pytest
from hypothesis import given
from hypothesis import strategies as st
from shared import share

from probe.catalogue import pages
from probe.catalogue.recipes import COLUMNS, GENERIC, HEADINGS, Recipe, ids, parse, recipe
from probe.material import LAYOUTS

COMMON = frozenset({"bundle", "endpoint", "starttls"})
"""Slots that the report fills for every recipe."""
WITH_COMMANDS = ("install", "reload", "check")
WINDOWS = "```powershell\n"
"""What begins a block for a server that has no POSIX shell; a report points to it."""
BY_PROGRAM = {"exchange", "zimbra"}
"""Their certificates are installed by a program of theirs, and no file is mended."""
BY_FILE = sorted({*ids()} - BY_PROGRAM)
HOSTILE = "a b'\"$(touch pwned)`touch pwned`;touch pwned|&\\!*"
KEY = "-----BEGIN PRIVATE KEY-----\nk\n-----END PRIVATE KEY-----\n"

SMALL = """+++
id = "small"
name = "Small"
[slots]
word = "one"
words = ["two", "three"]
[file]
layouts = ["fullchain"]
key = "either"
encrypted_key = false
users = []
mode = 0o777
+++

## Install the chain

```sh
printf '%s;' {words} {word}.old x{word}
```
"""


def certificate(name: str) -> str:
    """Return a PEM block that nobody has to parse, with a readable line above it."""
    return f"# {name}\n-----BEGIN CERTIFICATE-----\n{name}/first\n{name}/last\n-----END CERTIFICATE-----\n"


LEAF = certificate("leaf")
NEW = LEAF + certificate("new intermediate")


def run(commands: Sequence[str], folder: Path) -> str:
    """Run commands as a user pastes them, all into one shell that does not stop; return what they complain of."""
    done = subprocess.run(["sh"], input="\n".join(commands), cwd=folder, capture_output=True, text=True, check=False)
    return done.stderr


def lacks(this: Recipe, stem: str, text: str) -> Iterator[str]:
    """Name everything that a recipe lacks, in words that say what to do."""
    used = set(re.findall(r"\{([a-z_]+)\}", text.split("+++\n", 2)[2]))
    if this.id != stem:
        yield f"its id is {this.id!r}, its file {stem!r}"
    if tuple(this.sections) != tuple(HEADINGS):
        yield f"its sections are {', '.join(this.sections)}; wanted are {', '.join(HEADINGS)}"
    yield from (f"section {name!r} is empty" for name, body in this.sections.items() if not body)
    yield from (f"slot {{{name}}} has no default" for name in sorted(used - this.slots.keys()))
    yield from (f"slot {{{name}}} is used nowhere" for name in sorted(this.slots.keys() - used))
    yield from (f"slot {{{name}}} is filled by every report" for name in sorted(COMMON - this.slots.keys()))
    if used <= this.slots.keys():
        yield from _commands_lack(this)
    if not re.search(r"https://|RFC |/usr/share/doc/", this.sections.get("sources", "")):
        yield "it cites no source"


def _commands_lack(this: Recipe) -> Iterator[str]:
    for name in this.sections:
        if name in WITH_COMMANDS and not this.commands(name) and WINDOWS not in this.sections[name]:
            yield f"section {name!r} has no fenced sh block"
        if re.search(r"\{[a-z_]+\}", this.prose(name)):
            yield f"section {name!r} has a slot in its prose, where nothing fills it"
        for command in this.commands(name):
            said = subprocess.run(["sh", "-n"], input=command, capture_output=True, text=True, check=False)
            if said.returncode or not command.strip():
                yield f"section {name!r}: no valid shell: {command}"
            if len(command) > COLUMNS:
                yield f"section {name!r}: more than {COLUMNS} columns: {command}"


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ids())
def test_a_recipe_lacks_nothing(name: str) -> None:
    """Every recipe has all headings, slots with defaults, sources, and commands that a shell can read."""
    text = (Path(__file__).parents[2] / f"probe/catalogue/recipes/{name}.md").read_text(encoding="utf-8")
    assert not list(lacks(recipe(name), name, text))


def test_what_a_recipe_lacks_is_named() -> None:
    """The list above is complete: a recipe that lacks much hears of each thing."""
    text = SMALL.replace("printf", "echo ${unknown}\n( printf") + "\n## The trap\n\n## Reload\n\nUse {word}.\n"
    said = "\n".join(lacks(parse(text), "big", text))
    assert "its id is 'small', its file 'big'" in said
    assert "its sections are install, trap, reload; wanted are where, format, owner" in said
    assert "section 'trap' is empty" in said
    assert "slot {unknown} has no default" in said
    assert "slot {bundle} is filled by every report" in said
    assert "it cites no source" in said
    long = SMALL.replace("%s;", "%s" * COLUMNS)
    assert "section 'install': more than 76 columns: printf" in "\n".join(lacks(parse(long), "small", long))
    rest = "\n".join(lacks(parse(text.replace("${unknown}", "")), "small", text.replace("${unknown}", "")))
    assert "section 'install': no valid shell: ( printf" in rest
    assert "section 'reload' has no fenced sh block" in rest
    assert "section 'reload' has a slot in its prose, where nothing fills it" in rest


def test_a_slot_that_is_used_nowhere_is_named() -> None:
    """A default that no command uses is a mistake."""
    text = SMALL.replace('word = "one"', 'word = "one"\nidle = "x"')
    assert "slot {idle} is used nowhere" in list(lacks(parse(text), "small", text))


def test_the_mail_servers_of_this_issue_have_a_recipe() -> None:
    """Mail servers, the panels and containers around them, and a generic one for the rest."""
    wanted = {"exim", "generic", "postfix", "qmail", "sendmail", "exchange", "zimbra", "mailcow", "docker-mailserver"}
    wanted |= {"mailu", "cpanel", "plesk", "hestia"}
    assert wanted | {"opensmtpd", "courier", "dovecot", "cyrus", "haraka", "stalwart"} <= {*ids()}


def test_unknown_software_gets_the_generic_recipe() -> None:
    """Whatever was recognised or typed, there is something to say; a path is no way to another file."""
    assert [recipe(name).id for name in ("qpsmtpd", "../pages/expired", "")] == [GENERIC] * 3


def test_slots_are_filled_from_the_defaults_and_from_the_caller() -> None:
    """A slot that is given wins; the others keep their default."""
    this = parse(SMALL)
    assert this.commands("install") == ("printf '%s;' two three one.old xone",)
    assert this.commands("install", word="a b") == ("printf '%s;' two three 'a b'.old x'a b'",)


def test_a_command_is_given_as_words_or_as_text() -> None:
    """A slot whose default is a command takes words, or text that is split like a shell's; none leaves no gap."""
    this = parse(SMALL)
    assert this.commands("install", words=["kill", "-HUP", "4 2"]) == ("printf '%s;' kill -HUP '4 2' one.old xone",)
    assert this.commands("install", words="kill -HUP '4 2'") == this.commands("install", words=["kill", "-HUP", "4 2"])
    assert this.commands("install", words="") == ("printf '%s;' one.old xone",)


def test_an_unknown_slot_is_refused_with_the_known_ones() -> None:
    """A mistyped slot would leave the default in place, unseen."""
    with pytest.raises(ValueError, match=r"small has no slot 'wrod'; it has word, words"):
        parse(SMALL).commands("install", wrod="x")


def test_what_reads_as_an_option_is_made_a_path() -> None:
    """A file called -rf is a file."""
    assert parse(SMALL).commands("install", word="-rf") == ("printf '%s;' two three ./-rf.old x./-rf",)


def test_what_does_not_print_never_reaches_a_command() -> None:
    """Escapes, line ends and bidi controls would act on the terminal that shows the command."""
    (command,) = parse(SMALL).commands("install", word="a\x1b[2J\n\u202eb", words=["x\ty"])
    assert command == "printf '%s;' x_y 'a_[2J__b'.old x'a_[2J__b'"


@given(st.text(min_size=1), st.lists(st.text(), min_size=1))
def test_no_value_becomes_shell_syntax(word: str, words: list[str]) -> None:
    """Each value arrives as the words that it was, whatever it holds."""
    (command,) = parse(SMALL).commands("install", word=word, words=words)
    assert command.isprintable()
    assert len(shlex.split(command)) == 2 + len(words) + 2


@pytest.fixture
def harmless(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which the programs of the recipes do nothing."""
    (tmp_path / "bin").mkdir()
    for program in ("openssl", "postconf", "smtp-chaincheck", "chown", "chgrp"):
        (tmp_path / "bin" / program).symlink_to("/bin/true")
    return {"PATH": f"{tmp_path}/bin:/usr/bin:/bin"}


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", ids())
def test_every_slot_of_every_recipe_is_quoted(name: str, tmp_path: Path, harmless: dict[str, str]) -> None:
    """With the worst value in every slot a shell reads each command, and runs nothing that the value says."""
    this = recipe(name)
    worst = {slot: [":", HOSTILE] if isinstance(value, tuple) else HOSTILE for slot, value in this.slots.items()}
    (tmp_path / HOSTILE).write_text(KEY + NEW, encoding="utf-8")
    blocks = ["\n".join(this.commands(section, **worst)) for section in this.sections]
    for block in [*blocks, "touch pwned too"]:
        assert not (tmp_path / "pwned").exists()
        subprocess.run(["sh", "-c", block], cwd=tmp_path, env=harmless, capture_output=True, check=False)
    assert (tmp_path / "pwned").exists()  # the last block, which says what the values say


@pytest.mark.unmeasured
@pytest.mark.parametrize("name", sorted({*BY_FILE} - {"sendmail", "qmail"}))
@pytest.mark.parametrize("kept", ["", KEY])
def test_the_bundle_takes_the_place_of_the_old_certificates_and_a_key_stays(
    name: str, kept: str, tmp_path: Path
) -> None:
    """Whether the key stands in the file or not, the file holds what it must hold, and its mode is as before."""
    folder = tmp_path / HOSTILE.replace("/", "")
    folder.mkdir()
    cert, bundle = folder / "-cert.pem", folder / "bundle.pem"
    cert.write_text(kept + LEAF, encoding="utf-8")
    cert.chmod(0o640)
    bundle.write_text(NEW, encoding="utf-8")
    run(recipe(name).commands("install", cert="-cert.pem", bundle=str(bundle)), folder)
    assert cert.read_text(encoding="utf-8") == kept + NEW
    assert cert.stat().st_mode & 0o777 == 0o640
    assert copies(folder) == {"-cert.pem": {kept + LEAF}}


def copies(folder: Path) -> dict[str, set[str]]:
    """File → what its dated copies hold."""
    found: dict[str, set[str]] = {}
    for path in folder.iterdir():
        if path.suffix[1:].isdigit():
            found.setdefault(path.stem, set()).add(path.read_text(encoding="utf-8"))
    return found


def snapshot(folder: Path) -> dict[str, str]:
    """Return every file of a folder, except what the test itself puts there."""
    return {path.name: path.read_text(encoding="utf-8") for path in folder.iterdir() if path.is_file()}


def install(name: str, folder: Path) -> tuple[str, ...]:
    """Return a recipe's lines for the files of a folder."""
    slots = {
        "cert": "servercert.pem",
        "control": ".",
        "owner": f"{os.getuid()}:{os.getgid()}",
        "config": "sendmail.mc",
        "ca": "intermediates.pem",
        "build": ["sh", "-c", "echo again >> built"],
    }
    chosen = recipe(name)
    used = {slot: value for slot, value in slots.items() if slot in chosen.slots and name != "postfix"}
    return chosen.commands("install", **(used or {"cert": str(folder / "servercert.pem")}))


def put(folder: Path, *, served: str | None, bundle: str | None) -> None:
    """Write the files of a mail server; None = there is no such file."""
    files = {"servercert.pem": served, "chain.pem": bundle, "sendmail.mc": "dnl first\n"}
    for name, content in files.items():
        if content is not None:
            (folder / name).write_text(content, encoding="utf-8")


FAILED: dict[str, tuple[str | None, str | None]] = {
    "no-bundle": (KEY + LEAF, None),
    "empty-bundle": (KEY + LEAF, ""),
    "no-certificate": (KEY + LEAF, "<html>no bundle</html>"),
    "two-keys": (KEY + KEY + LEAF, NEW),
    "no-file": (None, NEW),
    "renewed": (KEY + certificate("renewed"), NEW),
    "key-file": (KEY, NEW),
    "configuration": ("smtpd_tls_cert_file = /etc/x.pem\n", NEW),
    "empty-file": ("", NEW),
}
"""What makes a step fail → the server's file and the bundle, or None where there is no such file."""


@pytest.mark.unmeasured
@pytest.mark.parametrize(("why", "name"), share(product(FAILED, BY_FILE), 4))
def test_after_a_step_that_failed_nothing_is_changed_and_that_is_said(why: str, name: str, tmp_path: Path) -> None:
    """No file is emptied, made or copied, nothing is built, and the words are on standard error."""
    served, bundle = FAILED[why]
    put(tmp_path, served=served, bundle=bundle)
    before = snapshot(tmp_path)
    assert "NOTHING CHANGED: " in run(install(name, tmp_path), tmp_path)
    assert snapshot(tmp_path) == before


@pytest.mark.parametrize("name", BY_FILE)
def test_what_was_pasted_twice_keeps_the_original(name: str, tmp_path: Path) -> None:
    """A copy of the original stays, the second run changes nothing more, and both are silent."""
    put(tmp_path, served=KEY + LEAF, bundle=NEW)
    for _ in range(2):
        assert run(install(name, tmp_path), tmp_path) == ""
        assert (tmp_path / "servercert.pem").read_text(encoding="utf-8") == KEY + NEW
        assert KEY + LEAF in copies(tmp_path)["servercert.pem"]


@pytest.mark.parametrize("name", ["courier", "generic"])
def test_parameters_in_the_file_are_kept(name: str, tmp_path: Path) -> None:
    """Older programs read their DH parameters from the certificate's file."""
    parameters = "-----BEGIN DH PARAMETERS-----\nd\n-----END DH PARAMETERS-----\n"
    put(tmp_path, served=KEY + LEAF + parameters, bundle=NEW)
    assert run(install(name, tmp_path), tmp_path) == ""
    assert (tmp_path / "servercert.pem").read_text(encoding="utf-8") == KEY + parameters + NEW


@pytest.mark.parametrize("name", BY_FILE)
def test_a_leaf_that_stands_last_in_the_file_is_found(name: str, tmp_path: Path) -> None:
    """The file is that of the server, whatever its order."""
    put(tmp_path, served=KEY + certificate("new intermediate") + LEAF, bundle=NEW)
    assert run(install(name, tmp_path), tmp_path) == ""
    assert (tmp_path / "servercert.pem").read_text(encoding="utf-8") == KEY + NEW


@pytest.mark.parametrize("name", BY_FILE)
def test_a_shell_that_protects_files_is_no_obstacle(name: str, tmp_path: Path) -> None:
    """With noclobber set, as some administrators have it."""
    put(tmp_path, served=KEY + LEAF, bundle=NEW)
    assert run(("set -C", *install(name, tmp_path)), tmp_path) == ""
    assert (tmp_path / "servercert.pem").read_text(encoding="utf-8") == KEY + NEW


@pytest.mark.parametrize("name", BY_FILE)
def test_the_way_back_stands_in_the_recipe(name: str) -> None:
    """One line says how to undo it."""
    assert 'The way back, in the same shell: `cp -p "$F.$O" "$F"`' in recipe(name).prose("install")


def test_sendmail_gets_its_intermediates_in_a_file_of_their_own(tmp_path: Path) -> None:
    """Sendmail sends the leaf alone from its certificate file: the rest goes to confCACERT, which is set once."""
    files = {"config": "sendmail.mc", "cert": "server.crt", "ca": "intermediates.pem", "bundle": "chain.pem"}
    (tmp_path / "chain.pem").write_text(NEW + certificate("upper"), encoding="utf-8")
    (tmp_path / "server.crt").write_text(LEAF, encoding="utf-8")
    (tmp_path / "sendmail.mc").write_text("dnl first\n", encoding="utf-8")
    commands = recipe("sendmail").commands("install", build=["touch", "built"], **files)
    for _ in range(2):
        run(commands, tmp_path)
    assert (tmp_path / "intermediates.pem").read_text(encoding="utf-8") == (
        certificate("new intermediate") + certificate("upper")
    )
    assert (tmp_path / "sendmail.mc").read_text(encoding="utf-8") == (
        "dnl first\n\ndefine(`confCACERT', `intermediates.pem')dnl\n"
    )
    assert "dnl first\n" in copies(tmp_path)["sendmail.mc"]
    assert (tmp_path / "built").exists()


def test_sendmail_is_told_of_no_file_without_a_certificate(tmp_path: Path) -> None:
    """A bundle of the leaf alone leaves nothing for confCACERT, which would switch TLS off."""
    put(tmp_path, served=LEAF, bundle=LEAF)
    before = snapshot(tmp_path)
    assert "NOTHING CHANGED: look at servercert.pem, sendmail.mc and chain.pem" in run(
        install("sendmail", tmp_path), tmp_path
    )
    assert snapshot(tmp_path) == before


def test_sendmail_is_not_built_when_the_intermediates_could_not_be_written(tmp_path: Path) -> None:
    """A folder has the name of the file: no setting, no build, and the certificate's file is as it was."""
    put(tmp_path, served=LEAF, bundle=NEW)
    (tmp_path / "intermediates.pem").mkdir()
    before = snapshot(tmp_path)
    assert "intermediates.pem" in run(install("sendmail", tmp_path), tmp_path)
    after = snapshot(tmp_path)
    assert {name: after[name] for name in before} == before
    assert copies(tmp_path).keys() == {"servercert.pem", "sendmail.mc"}


def test_qmail_gets_key_leaf_and_intermediates_for_both_of_its_sides(tmp_path: Path) -> None:
    """The server's file holds the key first, two users can read it, and the client's name leads to it."""
    served = tmp_path / "servercert.pem"
    served.write_text(LEAF + KEY, encoding="utf-8")
    (tmp_path / "chain.pem").write_text(NEW, encoding="utf-8")
    run(recipe("qmail").commands("install", control=str(tmp_path), owner=f"{os.getuid()}:{os.getgid()}"), tmp_path)
    assert served.read_text(encoding="utf-8") == KEY + NEW
    assert served.stat().st_mode & 0o777 == 0o640
    assert (tmp_path / "clientcert.pem").readlink() == Path("servercert.pem")


def test_a_client_certificate_of_its_own_is_not_touched(tmp_path: Path) -> None:
    """Where qmail-remote presents another certificate, it keeps it."""
    (tmp_path / "servercert.pem").write_text(KEY + LEAF, encoding="utf-8")
    (tmp_path / "clientcert.pem").write_text("mine", encoding="utf-8")
    (tmp_path / "chain.pem").write_text(NEW, encoding="utf-8")
    run(recipe("qmail").commands("install", control=str(tmp_path), owner=f"{os.getuid()}:{os.getgid()}"), tmp_path)
    assert (tmp_path / "clientcert.pem").read_text(encoding="utf-8") == "mine"
    assert (tmp_path / "servercert.pem").read_text(encoding="utf-8") == KEY + NEW


def zimbra(folder: Path, *, agrees: bool = True) -> tuple[str, ...]:
    """The lines of Zimbra's recipe, with a stand-in that notes what it is asked and keeps what it is given."""
    keep = 'for f in "$@"; do test ! -f "$f" || cp "$f" "got-${f##*/}"; done'
    script = f'echo "$1" >> asked; {keep}; {"true" if agrees else "false"}'
    commands = {"zmcertmgr": ["sh", "-c", script, "zmcertmgr"], "folder": "commercial", "root": "root.pem"}
    (folder / "commercial").mkdir()
    for name, content in (("commercial.crt", LEAF), ("commercial.key", KEY), ("commercial_ca.crt", "old")):
        (folder / "commercial" / name).write_text(content, encoding="utf-8")
    (folder / "root.pem").write_text(certificate("root"), encoding="utf-8")
    (folder / "chain.pem").write_text(NEW, encoding="utf-8")
    return recipe("zimbra").commands("install", **commands)


def test_zimbra_verifies_leaf_and_chain_with_the_root_and_then_deploys_them(tmp_path: Path) -> None:
    """Both steps get the same two files, and the old ones are kept."""
    assert run(zimbra(tmp_path), tmp_path) == ""
    assert (tmp_path / "asked").read_text(encoding="utf-8") == "verifycrt\ndeploycrt\n"
    assert (tmp_path / "got-leaf.pem").read_text(encoding="utf-8") == LEAF
    assert (tmp_path / "got-ca.pem").read_text(encoding="utf-8") == (
        certificate("new intermediate") + certificate("root")
    )
    (kept,) = tmp_path.glob("commercial.*")
    assert (kept / "commercial_ca.crt").read_text(encoding="utf-8") == "old"


@pytest.mark.parametrize("spoilt", ["chain.pem", "root.pem", "commercial/commercial.crt"])
def test_zimbra_is_not_asked_where_something_is_missing(spoilt: str, tmp_path: Path) -> None:
    """No bundle, no root, or the certificate of another name."""
    commands = zimbra(tmp_path)
    (tmp_path / spoilt).write_text("", encoding="utf-8")
    assert "NOTHING CHANGED: look at commercial/commercial.crt, root.pem and chain.pem" in run(commands, tmp_path)
    assert not (tmp_path / "asked").exists()


def test_zimbra_deploys_nothing_that_it_does_not_accept(tmp_path: Path) -> None:
    """The key is another one, or the root does not fit."""
    assert "NOTHING CHANGED" in run(zimbra(tmp_path, agrees=False), tmp_path)
    assert (tmp_path / "asked").read_text(encoding="utf-8") == "verifycrt\n"
    assert not list(tmp_path.glob("commercial.*"))


def test_exchange_gets_the_intermediates_in_a_file_that_windows_reads(tmp_path: Path) -> None:
    """Those alone: the leaf has no place in the store of intermediates."""
    bundle = "".join(one.pem for one in forge.chain(2)[:-1])
    (tmp_path / "chain.pem").write_text(bundle, encoding="utf-8")
    assert run(recipe("exchange").commands("install"), tmp_path) == ""
    told = ["openssl", "pkcs7", "-in", "intermediates.p7b", "-noout", "-print_certs"]
    listed = subprocess.run(told, cwd=tmp_path, capture_output=True, text=True, check=True).stdout
    assert re.findall(r"^subject=.*CN *= *(.*)$", listed, re.MULTILINE) == ["Example I2", "Example I1"]
    assert sorted(snapshot(tmp_path)) == ["chain.pem", "intermediates.p7b"]


def test_exchange_gets_no_empty_file(tmp_path: Path) -> None:
    """A bundle of the leaf alone has nothing to import."""
    put(tmp_path, served=None, bundle=LEAF)
    before = snapshot(tmp_path)
    assert "NOTHING CHANGED: chain.pem holds no intermediate" in run(recipe("exchange").commands("install"), tmp_path)
    assert snapshot(tmp_path) == before


def test_prose_is_what_stands_around_the_commands() -> None:
    """A reader may have the words without the commands."""
    reload = recipe("exim").prose("reload")
    assert reload.startswith("Exim sees a new file by itself")
    assert reload.endswith("HUP to the daemon.")


def test_in_brief_a_section_is_its_first_paragraph() -> None:
    """On one line; nothing where the commands stand first."""
    assert recipe("postfix").brief("reload") == (
        "New smtpd processes read the new file, and each process is replaced within minutes; "
        "the reload makes it so at once. It cuts no connection."
    )
    assert parse(SMALL).brief("install") == ""


@pytest.mark.parametrize("name", ids())
@pytest.mark.parametrize("section", ["install", "reload"])
def test_what_a_report_says_of_a_section_is_short(name: str, section: str) -> None:
    """At most two sentences; the rest is for who reads the recipe."""
    assert 1 <= len(re.findall(r"[.!](?= |$)", recipe(name).brief(section))) <= 2


@pytest.mark.parametrize("name", ids())
def test_a_recipe_points_to_what_there_is_and_not_to_itself(name: str) -> None:
    """Who reads it is here already, and finds the other things that it names."""
    named = set(re.findall(r"smtp-chaincheck explain (\w[\w-]*)", recipe(name).text))
    assert named <= {*ids(), *pages.ids()} - {name}


@pytest.mark.parametrize("name", sorted({*ids()} - {"exchange"}))
def test_a_recipe_says_how_it_stays_mended(name: str) -> None:
    """By a deploy hook, or by the panel that installs the certificate."""
    assert re.search(r"explain renewal-hooks|so that it stays", recipe(name).text, re.IGNORECASE)


def test_what_must_be_replaced_in_the_generic_recipe_cannot_be_copied_by_mistake() -> None:
    """Nobody knows where the file of unknown software is, nor what it is called."""
    assert recipe(GENERIC).commands("install")[0] == "F=/path/to/your/certificate.pem"
    assert recipe(GENERIC).commands("reload") == ("systemctl restart YOUR-MAIL-SERVER",)


def test_without_starttls_the_check_begins_with_tls() -> None:
    """On a port with implicit TLS s_client is told nothing of STARTTLS."""
    commands = recipe("postfix").commands("check", starttls="", endpoint="[2001:db8::25]:465")
    assert commands[-1] == "openssl s_client -connect '[2001:db8::25]:465' < /dev/null"


def test_every_recipe_says_what_its_server_wants_of_the_file() -> None:
    """Layouts have names that we know, and a key stands in one of three places."""
    for id_ in ids():
        habits = recipe(id_).file
        assert habits.layouts, id_
        assert set(habits.layouts) <= set(LAYOUTS), id_
        assert habits.key in {"same-file", "own-file", "either"}, id_
        with_key = habits.layouts[0].startswith("key-")
        assert with_key if habits.key == "same-file" else habits.key == "either" or not with_key, id_
