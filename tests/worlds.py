"""Rows that many tests look at: made once for a module, and after each test as they were."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import TypeVar

from django.db import transaction
from pytest_django.plugin import DjangoDbBlocker

World = TypeVar("World")


@contextmanager
def made_once(make: Callable[[], World], blocker: DjangoDbBlocker) -> Iterator[World]:
    """What `make` makes, in a transaction that is undone in the end. For a fixture of a module."""
    with blocker.unblock(), transaction.atomic():
        yield make()
        transaction.set_rollback(True)


@contextmanager
def left_as_it_was() -> Iterator[None]:
    """Undo what happens in the block. For a fixture of every test in such a module."""
    with transaction.atomic():
        yield
        transaction.set_rollback(True)
