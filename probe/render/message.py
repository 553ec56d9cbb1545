"""A message for a person: what a text says, who said it, whose fault it is, and what to type."""

from __future__ import annotations

from typing import TYPE_CHECKING

from probe.catalogue.pages import page
from probe.message import Accused, Category, Direction, Role
from probe.model import Confidence
from probe.render.finding import COMMAND, add_steps
from probe.render.page import text_of_section
from probe.render.sheet import MARKS, Sheet

if TYPE_CHECKING:
    from collections.abc import Sequence

    from rich.console import Console

    from probe.message import Code, Message, Peer
    from probe.render.sheet import Part

ROLES = {Role.CLIENT: "the client of the connection (the sending side)", Role.SERVER: "the server of the connection"}
RECEIVED = "The other side sent this alert; why stands in its log, not in this one."
ACCUSED = frozenset({Accused.CLIENT, Accused.SERVER, Accused.POLICY})
DOUBT = frozenset({Confidence.VERY_LIKELY, Confidence.MAY_BE})
BLAMED = {
    Accused.CLIENT: "the client, that is the sending side",
    Accused.SERVER: "the server, that is the receiving side",
    Accused.POLICY: "the sender's own policy settings",
    Accused.NONE: "nobody, as far as TLS goes",
    Accused.UNKNOWN: "unknown from this text alone",
}


def explanation(message: Message, console: Console) -> Sheet:
    """Lay out one message with its references."""
    sheet = Sheet(console.width, console.encoding)
    tell(sheet, message)
    references(sheet, message)
    return sheet


def tell(sheet: Sheet, message: Message) -> None:
    """Add all that is known of one message."""
    for code in message.codes:
        tell_code(sheet, code)
    for reading in message.readings:
        sheet.say(
            (reading.number, "strong"),
            f"  {reading.kind}: {' - '.join(filter(None, (reading.name, reading.text)))}",
            rest="    ",
        )
    sheet.blank()
    if message.page is None:
        _tell_unknown(sheet, message)
        return
    sheet.say((f"{MARKS[mark(message)]} ", mark(message)), (message.title, "strong"), f"  [{message.page}]", rest="  ")
    sheet.blank()
    tell_meaning(sheet, message)
    tell_sides(sheet, message)
    tell_causes(sheet, message)
    tell_advice(sheet, message)
    sheet.blank()


def tell_meaning(sheet: Sheet, message: Message) -> None:
    """Add what it says, and what stands beside it that is no failure."""
    sheet.say(message.meaning, first="  ")
    for words in beside(message):
        sheet.say(f"Beside it: {words}.", first="  ")


def tell_advice(sheet: Sheet, message: Message) -> None:
    """Add what to type to make sure, and what to do."""
    steps(sheet, "To make sure:", tuple(f"{COMMAND}{command}" for command in message.next))
    steps(sheet, "To mend it:", message.fix)


def tell_code(sheet: Sheet, code: Code, indent: str = "") -> None:
    """Add a decoded number, field by field; where the text hides the number, what it says in its place."""
    if not code.code:
        alert = f"alert {code.alert}, which the other side sent: " if code.alert is not None else ""
        sheet.say((f"{alert}{code.reason or 'a code that we cannot read'}", "strong"), first=indent)
        return
    sheet.say((code.code, "strong"), f", {code.era}" if code.era else "", first=indent)
    for label, number, text in (
        ("library", code.library_number, code.library),
        ("function", code.function_number, code.function),
        ("reason", code.reason_number, code.reason),
    ):
        shown = " ".join(filter(None, (str(number) if number is not None else "", f"({text})" if text else "")))
        if shown:
            sheet.say(f"{label:<9}{shown}", first=f"{indent}  ", rest=f"{indent}           ")
    if code.alert is not None:
        sheet.say(f"{'alert':<9}{code.alert}, which the other side sent", first=f"{indent}  ")
    for note in code.notes:
        sheet.say(note, first=f"{indent}  ")


def tell_sides(sheet: Sheet, message: Message) -> None:
    """Add who wrote it, who noticed, and whose fault it is."""
    sheet.blank()
    writer = " as ".join(filter(None, (message.mta, ROLES.get(message.role, ""))))
    _row(sheet, "Written by", writer)
    _row(sheet, "Other side", peer_words(message.peer))
    _row(sheet, "Noticed by", RECEIVED if message.direction is Direction.RECEIVED else "")
    if message.category not in {Category.HARMLESS, Category.UNDETERMINED}:
        sure = f" ({message.confidence})" if message.accused in ACCUSED and message.confidence in DOUBT else ""
        _row(sheet, "At fault", f"{BLAMED[message.accused]}{sure}")


def beside(message: Message) -> tuple[str, ...]:
    """What stands beside the failure and is none itself: that the mail went out in clear, that a session was safe."""
    asides = (page(name) for name in message.also)
    return tuple(aside.title for aside in asides if aside.category == Category.HARMLESS and aside.id != message.page)


def peer_words(peer: Peer | None) -> str:
    """The other side in one word: "mx.example.net [192.0.2.25]"."""
    if not peer:
        return ""
    address = f"[{peer.address}]" if peer.address and peer.host else peer.address
    return " ".join(filter(None, (peer.host, address)))


def steps(sheet: Sheet, title: str, lines: Sequence[str]) -> None:
    """Add sentences and commands, with air around each run of commands."""
    if not lines:
        return
    sheet.blank()
    sheet.say((title, "strong"), first="  ")
    add_steps(sheet, lines)


def mark(message: Message) -> str:
    """The style and mark of a category: no failure, cannot tell, failure."""
    if message.category is Category.HARMLESS:
        return "ok"
    return "warning" if message.category is Category.UNDETERMINED or not message.about_tls else "error"


def references(sheet: Sheet, message: Message) -> None:
    """Add where it is written, and where to read more."""
    if message.page:
        sheet.blank()
        sheet.say(("References:", "strong"), first="  ")
        text_of_section(sheet, page(message.page).sections["References"], "  ")
        sheet.blank()
        sheet.say(f"page: smtp-chaincheck explain {message.page}", first="  ")
    if message.page and message.also:
        sheet.say(f"also: {', '.join(message.also)}", first="  ")


def _row(sheet: Sheet, label: str, words: str) -> None:
    if words:
        sheet.say((f"{label}: ", "strong"), words, first="  ", rest="      ")


def tell_causes(sheet: Sheet, message: Message) -> None:
    """Add what would explain the text, with how sure each cause is."""
    if not message.causes:
        return
    sheet.blank()
    sheet.say(("Causes, the most likely first:", "strong"), first="  ")
    for number, cause in enumerate(message.causes, 1):
        sure: tuple[Part, ...] = () if cause.confidence is Confidence.IS else (f"{cause.confidence}: ",)
        sheet.say(*sure, cause.text, first=f"  {number}. ")


def _tell_unknown(sheet: Sheet, message: Message) -> None:
    if message.codes or message.readings:
        sheet.say("No page explains this number; what it says by itself stands above.", first="")
    else:
        sheet.say("We know no explanation for this text, and do not guess one.", first="")
    if message.also:
        sheet.say(f"The nearest pages: {', '.join(message.also)}", first="")
    sheet.say("All of them: smtp-chaincheck explain --list", first="")
