"""The package of a name, wherever something is first said about it: a version, or the build of one to come."""

from django.db import IntegrityError, transaction

from registry.models import Feed, Package


def package_called(name: str) -> Package:
    """The package of this name in the built-in feed, whatever its upper and lower case; created where there is none.

    `name` is one that `filenames.package_name` has let pass.
    """
    packages = Package.objects.named(name)
    if there := packages.first():
        return there
    try:
        with transaction.atomic():
            return Package.objects.create(feed=Feed.builtin(), name=name)
    except IntegrityError:  # somebody else was quicker
        return packages.get()
