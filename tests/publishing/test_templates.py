"""A template of release notes has placeholders and nothing else, and says what is wrong with it."""

import pytest

from publishing.templates import LONGEST, PLACEHOLDERS, USUAL, filled, why_not_template

NOTHING = dict.fromkeys(PLACEHOLDERS, "")


@pytest.mark.parametrize("text", [USUAL, "{notes}", "# {stack}\n{components}", "{work_items} {{not}} } { {} {notes}"])
def test_such_a_template_can_be_used(text):
    assert why_not_template(text.replace("{{not}}", "{ not }")) == []


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("{note}", "{note}: there is no such placeholder. These can be used: {stack}, {release}, {environment},"),
        ("{notes} {Stack} {a}", "{Stack}, {a}: there is no such placeholder."),
        ("Hello", "It says nothing about the release: use at least {notes}, {work_items} or {components}."),
        ("{notes}" + "x" * LONGEST, "A template holds at most 10,000 characters; this one has 10,007."),
    ],
)
def test_what_is_wrong_is_said(text, sentence):
    (problem,) = why_not_template(text)

    assert problem.startswith(sentence)


@pytest.mark.parametrize(
    "text",
    [
        "{{ notes.__class__ }}",
        "{notes.__class__}",
        "{notes!r}",
        "{% include 'x' %}{notes}",
        "{0} {notes}",
        "%s {notes}",
    ],
)
def test_nothing_in_it_is_executed(text):
    told = filled(text, NOTHING | {"notes": "NOTES"})

    assert told == text.replace("{notes}", "NOTES") + "\n"


def test_what_a_placeholder_brings_is_not_looked_at_again():
    assert filled("{notes}", NOTHING | {"notes": "{link}", "link": "secret"}) == "{link}\n"


def test_an_unknown_placeholder_stays_as_it_is():
    assert filled("{notes} {gone}", NOTHING | {"notes": "x"}) == "x {gone}\n"


@pytest.mark.parametrize(
    ("text", "values", "told"),
    [
        ("# A\n\n{notes}\n\n# B\n\n{work_items}", {"notes": "x"}, "# A\n\nx\n"),
        ("# A\n\n## B\n\n{notes}\n\n# C\nc", {}, "# C\nc\n"),
        ("# A\n\n## B\n\n{notes}", {"notes": "x"}, "# A\n\n## B\n\nx\n"),
        ("From {replaces}\n{notes}", {"notes": "x"}, "x\n"),
        ("{notes}, {work_items}", {"notes": "x"}, "x,\n"),
        ("a\n\n\n{notes}\n\n\nb", {}, "a\n\nb\n"),
        ("{notes}", {"notes": "```\na\n\n\nb\n```"}, "```\na\n\n\nb\n```\n"),
        ("# A\n{notes}", {"notes": "### x\n\n### y"}, "# A\n### x\n\n### y\n"),
    ],
)
def test_what_turns_out_empty_is_left_out(text, values, told):
    assert filled(text, NOTHING | values) == told
