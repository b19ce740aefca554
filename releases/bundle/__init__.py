"""A release to take away and run anywhere: its packages, its order, and a script that runs them as the engine does.

prepare(release)    what is in it, or the sentence that says why it cannot be had
Bundle.stream()     the tar, member by member, in constant memory
"""

from releases.bundle.contents import Item, items_of
from releases.bundle.making import Bundle, blanks, prepare

__all__ = ["Bundle", "Item", "blanks", "items_of", "prepare"]
