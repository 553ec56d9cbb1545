"""Lists of targets as people have them → Target, one at a time: a list may be larger than memory."""

from probe.lists.listing import Listing, open_list, unique

__all__ = ["Listing", "open_list", "unique"]
