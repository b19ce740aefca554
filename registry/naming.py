"""The package of a name, wherever something is first said about it: a version, or the build of one to come."""

from django.db.models import QuerySet

from config import compiled, quick
from registry.models import Feed, Package


def package_called(name: str) -> Package:
    """The package of this name in the built-in feed, whatever its upper and lower case; created where there is none.

    `name` is one that `filenames.package_name` has let pass.
    """
    if there := called(name):
        return there
    package = Package(feed=Feed.builtin(), name=name)
    return package if quick.insert_once(package) else Package.objects.named(name).get()


def called(name: str) -> Package | None:
    """The package of this name in the built-in feed."""
    return compiled.first(_named, name=name.lower())


def _named() -> QuerySet[Package]:
    return Package.objects.builtin().folded(compiled.parameter("name")).order_by()[:1]
