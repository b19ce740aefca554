"""Numbers out of addresses, which anybody may write."""

LONGEST = 12


def number_of(text: str | None) -> int:
    """A number from 0 up; 0 for everything else."""
    return int(text) if text and text.isascii() and text.isdigit() and len(text) <= LONGEST else 0


def size_in_words(size: int) -> str:
    """Bytes as people say them: “812 bytes”, “6.2 MB”."""
    if size < 1000:
        return f"{size} byte{'' if size == 1 else 's'}"
    for unit, factor in (("kB", 1000), ("MB", 1000**2), ("GB", 1000**3)):
        if size < factor * 1000 or unit == "GB":
            return f"{size / factor:,.1f} {unit}"
    raise AssertionError("unreachable")
