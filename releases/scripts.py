"""What the scripts of a release's packages are: which one a step runs, and what it is told of everything beside it.

The engine asks here, and so does the bundle that developers run themselves.
"""

import json
from collections.abc import Iterable

from registry.models import PackageVersion


def run_by(held: Iterable[PackageVersion], name: str | None) -> PackageVersion | None:
    """What a step runs of the versions that a release holds, in its order: that of the package of this name, or the first
    one. What lies in an outside store is never run."""
    own = (version for version in held if not version.is_reference)
    return next((version for version in own if name is None or version.package.name.lower() == name.lower()), None)


def told_of(held: Iterable[PackageVersion]) -> str:
    """Every version that a release holds, for SIGNALBOX_PACKAGES: JSON, `[{"feed", "name", "version", "digest"}, …]`.

    A container image in an outside store, for example, is what a script deploys: its version is spelled as the store
    does, and its digest is the store's own, or empty. The versions need their package, feed and artifact.
    """
    return json.dumps(
        [
            {
                "feed": version.package.feed.slug,
                "name": version.package.name,
                "version": version.original if version.is_reference else version.version,
                "digest": version.digest if version.is_reference else f"sha256:{version.bytes.sha256}",
            }
            for version in held
        ]
    )
