"""Titles come from patterns, and a pattern that would give two pages one title is refused."""

import pytest

from publishing.confluence.titles import title_of, why_not_pattern
from publishing.models import StackPublishing


@pytest.mark.parametrize(
    ("kind", "pattern", "sentence"),
    [
        ("component", "{component}", "{environment} is missing"),
        ("component", "{environment}", "{component} is missing"),
        ("environment", "{stack}", "{environment} is missing"),
        ("release", "{stack}", "{release} is missing"),
        ("stack", "{release}", "{release} stands for nothing here. Use {stack}."),
        ("stack", "{}", "{} stands for nothing here"),
        ("stack", "{stack", "A brace is not closed"),
        ("stack", "stack}", "A brace is not closed"),
        ("stack", "  ", "A page needs a title"),
    ],
)
def test_a_pattern_that_cannot_work_is_refused(kind, pattern, sentence):
    assert sentence in why_not_pattern(kind, pattern)


@pytest.mark.parametrize("kind", ["component", "environment", "stack", "release"])
def test_the_patterns_that_there_are_from_the_start_work(kind):
    assert why_not_pattern(kind, getattr(StackPublishing(), f"{kind}_title")) is None


def test_names_stand_in_place_of_their_braces():
    names = {"component": "Patient UI", "environment": "TEST"}

    assert title_of(StackPublishing(), "component", names) == "Patient UI - TEST"


def test_a_name_with_braces_is_a_name():
    names = {"component": "{environment}", "environment": "TEST"}

    assert title_of(StackPublishing(), "component", names) == "{environment} - TEST"


def test_a_title_has_no_line_breaks_and_no_control_characters():
    assert title_of(StackPublishing(), "stack", {"stack": "A\n\tB\u0007"}) == "A B: which version is where"


def test_a_title_is_never_longer_than_confluence_takes():
    title = title_of(StackPublishing(), "stack", {"stack": "x" * 300})

    assert len(title) == 255
    assert title.endswith("…")
