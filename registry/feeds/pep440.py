"""Python's versions in the words of `registry.versions`.

The order of what can be translated is that of PEP 440 (packaging.python.org, “Version specifiers”):

    1.0rc1     → 1.0-rc.1
    1.0a2      → 1.0-alpha.2        b → beta
    1.0.dev3   → 1.0-0.dev.3        below every alpha, hence the 0
    1.0.post1  → 1.0.0.1            where the fourth number is free
"""

from packaging.version import Version

_WORDS = {"a": "alpha", "b": "beta", "rc": "rc"}


def translated(version: Version) -> str:
    """What `registry.versions` is to read; empty for epochs, and for combinations such as `1.0rc1.dev2`."""
    special = [part for part in (version.pre, version.dev, version.post) if part is not None]
    if version.epoch or version.local or len(special) > 1:
        return ""
    if version.post is not None:
        return _with_fourth_number(version, version.post)
    return _release(version) + _prerelease(version)


def _release(version: Version) -> str:
    """Without zeros at the end, which say nothing in either world."""
    numbers = list(version.release)
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return ".".join(map(str, numbers))


def _prerelease(version: Version) -> str:
    if version.dev is not None:
        return f"-0.dev.{version.dev}"
    if version.pre is not None:
        return f"-{_WORDS[version.pre[0]]}.{version.pre[1]}"
    return ""


def _with_fourth_number(version: Version, post: int) -> str:
    """`post0` would be the same as the version that it comes after."""
    if post == 0 or len(_release(version).split(".")) > 3:
        return ""
    numbers = [*version.release, 0, 0][:3]
    return ".".join(map(str, [*numbers, post]))
