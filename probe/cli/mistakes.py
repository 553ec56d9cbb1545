"""What people mistype, and the sentence that helps them on. Imports nothing of weight until there is a mistake."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

PROGRAM = "smtp-chaincheck"
INSTEAD = {
    "explain": f"{PROGRAM} explain TEXT",
    "triage": f"{PROGRAM} triage FILE",
    "diff": f"{PROGRAM} diff BEFORE.json AFTER.json",
    "demo": f"{PROGRAM} demo",
    "help": f"{PROGRAM} --help",
    "version": f"{PROGRAM} --version",
    "check": f"{PROGRAM} HOST",
}
"""What looks like a verb → what does it."""
ALIKE = 0.75
"""Of difflib: two letters exchanged in a word of four are found, "mail" and "file" are not."""
CODE = 8
"""Digits of a packed error code or an HRESULT."""
HEXADECIMAL = frozenset("0123456789abcdef")
TEXTS = frozenset({"eml", "log", "txt", "csv", "json", "jsonl", "gz", "xz", "zst", "mbox", "msg"})
"""Endings of files that ``triage`` or ``sweep`` reads; none is a top-level domain."""
NUMBERS = frozenset(
    {"--timeout", "--greeting-timeout", "--warn-days", "--port", "--every", "--watch-limit"}
    | {"--rate", "--pause", "--concurrency", "--per-operator"}
)
"""Options whose value may begin with a minus sign by mistake; argparse would take it for an option."""


def about_host(words: Sequence[str], position: int) -> str | None:
    """Say why this word is hardly meant as a host, or None."""
    word = words[position]
    if word.isascii() and word.isdecimal() and position:
        host = words[position - 1]
        shown = f"[{host}]" if host.count(":") > 1 and not host.startswith("[") else host
        return f"{word} is no host. To name a port write {shown}:{word}"
    if instead := _instead(word):
        return f"{instead}\nFor a host of that name: {PROGRAM} -- {word}"
    meant = _verb(word)
    if meant:
        return f"Did you mean: {INSTEAD[meant]}\nFor a host of the name {word}: {PROGRAM} -- {word}"
    return None


def _instead(word: str) -> str:
    """What to type for an error code or a file that stands where a host belongs; "" for anything else."""
    digits = word.lower().removeprefix("0x")
    if len(digits) == CODE and not set(digits) - HEXADECIMAL and not digits.isalpha():
        return f"That looks like an error code: {PROGRAM} explain {word}"
    if word.rpartition(".")[2] in TEXTS:
        import os.path
        import shlex

        if os.path.isfile(word):  # noqa: PTH113 -- as cheap as can be
            name = shlex.quote(word)
            return (
                f"That is a file. With a list of servers in it: {PROGRAM} sweep {name}\n"
                f"With a log or a bounce in it: {PROGRAM} triage {name}"
            )
    return ""


def _verb(word: str) -> str | None:
    """The verb that a single word of letters resembles."""
    if not (word.isascii() and word.isalpha()):
        return None
    from difflib import get_close_matches

    return next(iter(get_close_matches(word.lower(), INSTEAD, n=1, cutoff=ALIKE)), None)


def about_options(message: str, known: Iterable[str]) -> str:
    """Say which option was meant, where argparse says that it does not know one; "" for other messages."""
    found, _, words = message.partition("unrecognized arguments: ")
    wrong = next((word.partition("=")[0] for word in words.split() if word.startswith("--")), None)
    if found or wrong is None:
        return ""
    from difflib import get_close_matches

    near = get_close_matches(wrong, [name for name in known if name.startswith("--")], n=1)
    return f" Did you mean {near[0]}?" if near else ""


def joined(words: Sequence[str]) -> list[str]:
    """Join an option with the negative number behind it, so that the number is refused for what it is."""
    kept: list[str] = []
    for word in words:
        if kept and kept[-1] in NUMBERS and word.startswith("-") and word[1:2].isdecimal():
            kept[-1] = f"{kept[-1]}={word}"
        else:
            kept.append(word)
    return kept
