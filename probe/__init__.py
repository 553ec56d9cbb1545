"""smtp-chaincheck: what is wrong with a mail server's certificate chain, for whom, and how to mend it.

    from probe import check, analyze, explain, problems
    report = check("mx.example.com")               # the network, once
    report = analyze(pem, name="mx.example.com")   # no network
    message = explain("error:0A000418:SSL routines::tlsv1 alert unknown ca")
    messages = problems(bounce)                    # of a bounce, a log, a TLS report

The map: Target → Observation → Chain → findings → Report; and text → symptoms → pages → Message, in ``triage``.
``model`` holds every value of a probe, ``message`` those of texts, ``pipeline`` the story,
``wire`` turns bytes into meaning, ``pki`` certificates into paths, ``rules`` both into findings, ``catalogue`` findings
into words, ``net`` owns the sockets, ``render`` the screen.

Five words. *Presented*: the certificates exactly as sent, positions from 0. *Leaf*: the server's own certificate.
*Anchor*: a certificate that we were told to trust. *Path*: leaf, intermediates, anchor, each signed by the next.
*Gap*: the certificate whose issuer nobody sent.
"""

from __future__ import annotations

import os

# OpenSSL reads this file when it is first loaded, by whichever module comes first. A MinProtocol or SignatureAlgorithms
# that is meant for the user's own connections would make us blind to servers that we are here to diagnose.
os.environ.pop("OPENSSL_CONF", None)

__version__ = "0.1.0"

TYPE_CHECKING = False  # what typing's constant says, without the price of importing typing for --help
if TYPE_CHECKING:
    from probe.api import acheck, analyze, check, explain, problems, sweep
    from probe.judgement import Options
    from probe.message import Message
    from probe.model import (
        Certificate,
        Chain,
        EndpointReport,
        Finding,
        Observation,
        Repair,
        Report,
        Severity,
        Target,
    )
    from probe.net.cache import Cache
    from probe.net.manners import Manners

__all__ = [
    "Cache",
    "Certificate",
    "Chain",
    "EndpointReport",
    "Finding",
    "Manners",
    "Message",
    "Observation",
    "Options",
    "Repair",
    "Report",
    "Severity",
    "Target",
    "__version__",
    "acheck",
    "analyze",
    "check",
    "explain",
    "problems",
    "sweep",
]


_HOME = {
    **dict.fromkeys(("acheck", "analyze", "check", "explain", "problems", "sweep"), "api"),
    "Cache": "net.cache",
    "Manners": "net.manners",
    "Message": "message",
    "Options": "pipeline",
}


def __getattr__(name: str) -> object:
    """Import what is asked for, and nothing before it is: ``--help`` must not load a TLS library (PEP 562)."""
    from importlib import import_module

    home = _HOME.get(name, "model")
    if name not in __all__:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{home}"), name)
