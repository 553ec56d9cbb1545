"""What a certificate file holds and how it lies on the disk: the values of the verb ``file``.

Of a private key only the public half is here.
"""

from __future__ import annotations

from enum import StrEnum

from msgspec import Struct


class What(StrEnum):
    """What a block of a file is."""

    CERTIFICATE = "certificate"
    KEY = "private key"
    PUBLIC_KEY = "public key"
    REQUEST = "certificate request"
    PARAMETERS = "parameters"
    CRL = "revocation list"
    OTHER = "something else"


class Form(StrEnum):
    """How a file is written."""

    PEM = "PEM"
    DER = "DER"
    PKCS7 = "PKCS#7"
    PKCS12 = "PKCS#12"
    UTF16 = "PEM in UTF-16"


class Block(Struct, frozen=True):
    """One thing in a file, in the file's order."""

    what: What
    line: int = 0
    """Of its first line, from 1; 0 where the file has no lines."""
    label: str = ""
    """Between the hyphens of its BEGIN line (RFC 7468 §2)."""
    spki: bytes | None = None
    """The public half of a private key, DER; None where it cannot be known."""
    encrypted: bool = False
    """A key that needs a passphrase."""
    glued: bool = False
    """Something else stands on the line of its BEGIN or of its END."""
    problem: str | None = None
    """Why a server cannot read it, or None."""


class Place(Struct, frozen=True):
    """Where a file lies, and who may read it."""

    path: str
    """As the user typed it."""
    target: str
    """The file behind every link."""
    owner: str
    group: str
    mode: int
    """Permission bits of the target."""
    barred: tuple[tuple[str, str], ...] = ()
    """(User, file or folder that keeps them out), for the users of the mail server at hand."""
    unknown_users: tuple[str, ...] = ()
    """Users of the mail server at hand that this computer does not have."""


class Habits(Struct, frozen=True):
    """What one mail server wants of its certificate file."""

    layouts: tuple[str, ...]
    """Of ``LAYOUTS``, those that it reads rightly; the first is its own."""
    key: str
    """"same-file", "own-file" or "either": where the key stands."""
    encrypted_key: bool
    """It can be given the passphrase of a key."""
    users: tuple[str, ...]
    """Who reads the key when it is not root."""
    mode: int
    """The widest permission bits of a key's file that it takes."""
    senders: tuple[str, ...] = ()
    """Those of them who read it to present it as a client, where these are others."""
    key_types: tuple[str, ...] = ()
    """Kinds of key that it can use, as ``PublicKey.algorithm`` has them; () = any."""


LAYOUTS = ("fullchain", "chain", "key-first", "key-last", "leaf")
"""What a file can hold: leaf and intermediates; intermediates alone; all behind the key; all before it; the leaf."""


class Material(Struct, frozen=True):
    """What was read of one file, and of the key that belongs to it."""

    name: str
    """The path, or "-" for standard input."""
    form: Form = Form.PEM
    blocks: tuple[Block, ...] = ()
    certificates: tuple[bytes, ...] = ()
    """DER, in the file's order."""
    place: Place | None = None
    """None for what came through a pipe."""
    key_name: str | None = None
    """The file of the key, where it is another one."""
    key_blocks: tuple[Block, ...] = ()
    """What that file holds."""
    key_place: Place | None = None
    habits: Habits | None = None
    """Of the mail server at hand; None where none was named."""
    sibling: str | None = None
    """A file beside this one that holds leaf and intermediates, as certbot's fullchain.pem."""

    @property
    def keys(self) -> tuple[Block, ...]:
        """Every private key at hand: in the key's own file where there is one, else in the file itself."""
        return tuple(block for block in self.key_blocks or self.blocks if block.what is What.KEY)

    @property
    def key(self) -> Block | None:
        """The key that a server would use: the first."""
        return next(iter(self.keys), None)

    @property
    def where_key(self) -> Place | None:
        """Where the key lies."""
        return self.key_place if self.key_name else self.place if self.keys else None
