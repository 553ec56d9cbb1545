"""Broken mail servers on loopback, to see every finding happen.

keys/, keys, der, extensions, forge    certificates of any brokenness, from keys that everybody knows
cast, scenes/                          lists of certificates, and what must be found in them; fixtures/chains, too
line, flight, manners, server          a mail server that behaves as badly as its case says
cases, tour                            scenes and manners by name; one of them found, mended, and found right
"""
