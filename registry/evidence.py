"""What CI says about a version beside its bytes: the build that made it, and what it is made of. Verbs and questions.

Both only ever grow: what was said stays on record, and of several builds of a version the last one counts.
"""

from collections.abc import Iterable
from dataclasses import asdict

from django.db import transaction
from django.db.models import OuterRef, Subquery

from accounts import trail
from accounts.models import User
from registry import builds, filenames, versions
from registry.builds import Build
from registry.models import BuildInformation, Package, PackageVersion
from registry.naming import package_called


@transaction.atomic
def record_build(name: str, version: str, facts: Build, by: User) -> tuple[BuildInformation, bool]:
    """Keep what is known about the build of this version, and say whether that is new.

    name, version  of a package that CI pushes; neither needs to be there yet. The version is kept normalised.

    The same as what counts now changes nothing; anything else counts from now on. Raises NameRefused, VersionRefused,
    BuildRefused.
    """
    parsed = versions.parse(version)
    kept = builds.checked(facts)
    package = package_called(filenames.package_name(name))
    Package.objects.select_for_update(no_key=True).get(pk=package.pk)  # builds of one package come one by one
    print_of_it = builds.fingerprint(kept)
    there = build_called(package, parsed.normalised)
    if there is not None and there.fingerprint == print_of_it:
        return there, False
    row = BuildInformation.objects.create(
        package=package, version=parsed.normalised, fingerprint=print_of_it, pushed_by=by, **_columns(kept)
    )
    which = f"build {row.number}" if row.number else "a build"
    trail.record(
        by,
        "build.recorded",
        row,
        f"{by} said that {which} made {package} {row.version}.",
        package=package.name,
        version=row.version,
        number=row.number,
        commit=row.commit,
    )
    return row, True


def build_called(package: Package, version: str) -> BuildInformation | None:
    """What counts as the build of this version (normalised), published or not."""
    return package.builds.filter(version=version).select_related("pushed_by").order_by("-pk").first()


def build_of(version: PackageVersion) -> BuildInformation | None:
    """What counts as the build that made this version."""
    return build_called(version.package, version.version)


def builds_of(found: Iterable[PackageVersion]) -> dict[int, BuildInformation]:
    """The build that counts by the pk of its version, for those that have one. One query."""
    pks = {(version.package_id, version.version): version.pk for version in found}
    same = BuildInformation.objects.filter(package=OuterRef("package"), version=OuterRef("version"))
    newest = PackageVersion.objects.filter(pk__in=pks.values()).annotate(
        newest=Subquery(same.order_by("-pk").values("pk")[:1])
    )
    rows = BuildInformation.objects.filter(pk__in=newest.values("newest")).select_related("package", "pushed_by")
    return {pks[row.package_id, row.version]: row for row in rows}


def _columns(build: Build) -> dict[str, object]:
    """The facts as columns; commits and work items as plain JSON."""
    return {name: list(value) if isinstance(value, tuple) else value for name, value in asdict(build).items()}
