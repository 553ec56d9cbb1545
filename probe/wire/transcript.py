"""What ``openssl s_client`` printed, pasted: whether all certificates are in it.

Certificate chain
0 s:CN=mx.example.com
i:CN=Example R3
-----BEGIN CERTIFICATE-----        for each one with -showcerts, for the first alone without
"""

from __future__ import annotations

import re

_CHAIN = re.compile(rb"^Certificate chain\r?\n((?:(?!---\r?$)[^\n]*\n)*)", re.MULTILINE)
_ENTRY = re.compile(rb"^ *[0-9]+ s:", re.MULTILINE)
_BEGIN = b"-----BEGIN CERTIFICATE-----"


def refuse_shortened(content: bytes) -> None:
    """Raise ValueError, with a sentence, for output that names more certificates than it holds."""
    chain = _CHAIN.search(content)
    if chain is None:
        return
    named, held = len(_ENTRY.findall(chain[1])), content.count(_BEGIN)
    if held < named:
        raise ValueError(
            f"This output of s_client names {named} certificates and holds {held}. Run it again with -showcerts."
        )
