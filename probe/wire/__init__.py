"""Bytes ⇄ meaning: replies, dialogues, the TLS handshake, saved observations. No sockets, no clock."""

import os

# OpenSSL reads the user's configuration when it is first used; a MinProtocol or SignatureAlgorithms in it would hide
# the very servers that we are asked about. Where somebody was quicker, offer.narrow still sets what it can by itself.
os.environ.pop("OPENSSL_CONF", None)
