"""The certificate that we present, as a client or a listener: --client-cert and --client-key → an Identity."""

from __future__ import annotations

from pathlib import Path

from probe.pki import pem
from probe.pki.layout import blocks
from probe.render.clean import clean
from probe.wire.handshake import try_identity
from probe.wire.identity import Identity

LARGEST = 1 << 20
"""Bytes of a file with a client's certificates and key; an honest one has ten KiB."""


def identity_of(
    cert: str | None, key: str | None, options: tuple[str, str] = ("--client-cert", "--client-key")
) -> Identity | None:
    """Read what to present; the key stands in a file of its own, or with the certificates. ``options`` named them.

    Raises ValueError with a sentence where they cannot be read, or cannot be presented.
    """
    of_cert, of_key = options
    if cert is None:
        if key is not None:
            raise ValueError(f"{of_key} is the key of {of_cert}: give both, or the certificate's file alone.")
        return None
    content = content_of(of_cert, cert)
    if not (chain := pem.certificates(content)):
        raise ValueError(f"{of_cert} {clean(cert)}: there is no certificate in it.")
    found = blocks(content_of(of_key, key) if key is not None else content)
    if not found:
        where = f"{of_cert} {clean(cert)}" if key is None else f"{of_key} {clean(key)}"
        raise ValueError(f"{where}: there is no private key in PEM in it. Name the key's file by {of_key}.")
    identity = Identity(chain, found[0], cert)
    try:
        try_identity(identity)
    except ValueError as problem:
        raise ValueError(f"{of_cert} {clean(cert)}: {problem}.") from None
    return identity


def content_of(option: str, name: str) -> bytes:
    """Read the small file that an option names; raises ValueError with a sentence when it is none."""
    if not name:
        raise ValueError(f"{option} wants the name of a file, and it is empty.")
    try:
        with Path(name).expanduser().open("rb") as stream:
            content = stream.read(LARGEST + 1)
    except (OSError, ValueError, RuntimeError) as problem:
        why = getattr(problem, "strerror", None) or "there is no such file"
        raise ValueError(f"{option} {clean(name)} cannot be read: {why}.") from None
    if len(content) > LARGEST:
        raise ValueError(f"{option} {clean(name)} is larger than {LARGEST >> 20} MiB; a certificate is not.")
    return content
