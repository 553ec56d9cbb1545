"""Words as data: the pages, a recipe for every mail server, the numbers of the libraries, who writes how."""

from pathlib import Path

WRITERS = Path(__file__).with_name("writers.toml")
"""How programs are known by the lines that they write."""
