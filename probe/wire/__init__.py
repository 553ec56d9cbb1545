"""Bytes ⇄ meaning: replies, dialogues, the TLS handshake, saved observations. No sockets, no clock."""
