"""Retention rules as administrators make them, in the administration and in a file, and the look at what they would do."""

import pytest
from django.urls import reverse

from accounts.models import Event
from registry.models import Feed
from releases.blueprint import BlueprintRefused
from releases.models import RetentionRule
from tests.factories import a_package, a_release, a_stack, a_user, a_version, an_administrator
from tests.portal.pages import words
from tests.projects.doors import add, address, applied, change

pytestmark = pytest.mark.django_db
EVERYTHING = "admin:releases_retentionrule_foreseen"
ONE = "admin:releases_retentionrule_foreseen_by"


@pytest.fixture
def admin(client):
    client.force_login(an_administrator())
    return client


def a_rule(package: str | None = None, **fields: object) -> RetentionRule:
    fields = fields or {"keep_newest": 1}
    return RetentionRule.objects.create(package=a_package(package) if package else None, **fields)


def sentences() -> list[str]:
    return [event.sentence for event in Event.objects.filter(verb="configuration.changed").order_by("pk")]


def foreseen(client, rule: RetentionRule | None = None) -> str:
    """The words of the dry run."""
    page = client.get(reverse(ONE, args=[rule.pk]) if rule else reverse(EVERYTHING))
    assert page.status_code == 200
    return words(page.content.decode().partition('id="content-main"')[2])


# -- making them ------------------------------------------------------------------------------------------------------


def test_a_rule_is_not_enabled_unless_somebody_says_so(admin):
    add(admin, RetentionRule, keep_days=90)

    assert RetentionRule.objects.get().enabled is False
    assert sentences() == ["Retention rule for every package: created"]


def test_a_change_is_recorded_from_what_to_what(admin):
    rule = a_rule("ui", keep_newest=3)

    change(admin, rule, package=rule.package_id, keep_newest=5, enabled="on")

    assert sentences() == ["Retention rule for ui: keep the newest 3 → 5, enabled no → yes"]


@pytest.mark.parametrize(
    ("fields", "sentence"),
    [
        ({}, "Say for how many days, or how many of the newest versions, are kept."),
        ({"keep_days": 0}, "greater than or equal to 1"),
        ({"keep_newest": 0}, "greater than or equal to 1"),
    ],
)
def test_a_rule_that_keeps_nothing_is_refused(admin, fields, sentence):
    page = add(admin, RetentionRule, **fields)

    assert sentence in page.content.decode()
    assert not RetentionRule.objects.exists()


def test_a_second_general_rule_is_refused(admin):
    a_rule()

    page = add(admin, RetentionRule, keep_days=90)

    assert "There is such a rule already: change that one." in page.content.decode()


def test_only_packages_that_are_kept_here_are_offered(admin):
    a_package("ui")
    outside = Feed.objects.create(slug="exchange", name="Exchange", kind="maven", url="https://exchange.example")
    outside.packages.create(name="com.example:api")

    page = admin.get(address(RetentionRule, "add")).content.decode()

    assert ">ui</option>" in page
    assert "com.example:api" not in page


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"keep_days": 1}, "what is not older than 1 day"),
        ({"keep_newest": 1}, "the highest version"),
        ({"keep_days": 90, "keep_newest": 10}, "what is not older than 90 days, and the 10 highest versions"),
    ],
)
def test_a_rule_says_in_words_what_it_keeps(fields, words):
    assert RetentionRule(**fields).words == words


# -- looking first ----------------------------------------------------------------------------------------------------


def test_the_dry_run_says_what_goes_why_and_how_much_space_that_is(admin, pass_days):
    [a_version("ui", number) for number in ("1.0.0", "1.1.0", "2.0.0")]
    rule = a_rule(keep_newest=1)
    pass_days(2)

    page = foreseen(admin, rule)

    assert "2 versions would be removed, which frees 2 bytes" in page
    assert "ui 1.0.0" in page
    assert "No release holds it and a higher one may be used (rule for every package)." in page
    assert "It is not enabled, so that it removes nothing yet." in page


def test_the_dry_run_gives_examples_of_what_stays(admin, pass_days):
    a_release(a_stack("Shop", components={"UI": 1}), ui="1.0.0")
    a_version("ui", "2.0.0")
    rule = a_rule(keep_newest=1)
    pass_days(2)

    page = foreseen(admin, rule)

    assert "2 versions would stay" in page
    assert "A release holds it 1 ui 1.0.0" in page
    assert "No higher version may be used 1 ui 2.0.0" in page


def test_the_dry_run_of_every_rule_lists_them_all(admin):
    a_rule(keep_days=90, enabled=True), a_rule("ui", keep_newest=3)

    page = foreseen(admin)

    assert "The rule for every package keeps what is not older than 90 days. It is enabled." in page
    assert "The rule for ui keeps the 3 highest versions. It is not enabled" in page


def test_the_dry_run_without_a_rule_says_that_everything_is_kept(admin):
    assert "There is no rule yet, so that every version is kept." in foreseen(admin)


def test_the_dry_run_removes_nothing(admin, pass_days):
    old = a_version("ui", "1.0.0")
    a_version("ui", "2.0.0")
    a_rule(enabled=True, keep_newest=1)
    pass_days(2)

    foreseen(admin)

    old.refresh_from_db()
    assert not old.is_removed


def test_many_versions_are_not_all_listed(admin, pass_days):
    [a_version("ui", f"1.{minor}.0") for minor in range(204)]
    rule = a_rule()
    pass_days(2)

    page = foreseen(admin, rule)

    assert "203 versions would be removed" in page
    assert "And 3 more." in page


def test_the_list_and_the_page_of_a_rule_lead_to_the_dry_run(admin):
    rule = a_rule()

    assert reverse(EVERYTHING) in admin.get(address(RetentionRule, "changelist")).content.decode()
    assert reverse(ONE, args=[rule.pk]) in admin.get(address(RetentionRule, "change", rule.pk)).content.decode()


def test_the_dry_run_of_a_rule_that_is_gone_is_not_found(admin):
    assert admin.get(reverse(ONE, args=[4711])).status_code == 404


@pytest.mark.parametrize("role", ["viewer", "deployer", "release_manager"])
def test_nobody_but_an_administrator_sees_the_dry_run(client, role):
    client.force_login(a_user("ann", role=role))

    assert client.get(reverse(EVERYTHING)).status_code == 403


# -- in a file --------------------------------------------------------------------------------------------------------


RULES = """
    retention:
      - {keep_days: 90, keep_newest: 10}
      - {package: UI, keep_newest: 30, enabled: true}
"""


def test_a_file_brings_the_rules():
    a_package("ui")

    changes = applied(RULES)

    assert changes == ["Retention rule for every package: created", "Retention rule for ui: created"]
    rules = RetentionRule.objects.values_list("package__name", "keep_days", "keep_newest", "enabled")
    assert list(rules) == [(None, 90, 10, False), ("ui", None, 30, True)]


def test_the_same_file_again_changes_nothing():
    a_package("ui")
    applied(RULES)

    assert applied(RULES) == []


def test_a_changed_file_says_from_what_to_what():
    a_package("ui")
    applied(RULES)

    changes = applied(RULES.replace("keep_days: 90", "keep_days: 30"))

    assert changes == ["Retention rule for every package: keep for (days) 90 → 30"]


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("retention: [{enabled: true}]", "Say for how many days, or how many of the newest versions, are kept."),
        ("retention: [{keep_days: 0}]", "retention[0].keep_days: This must be at least 1."),
        ("retention: [{keep_days: 9}, {keep_days: 8}]", "retention[1]: This is named twice in the file."),
        ("retention: [{package: nothing, keep_days: 9}]", "retention[0].package: There is no package “nothing”"),
    ],
)
def test_a_file_with_a_wrong_rule_is_refused(text, sentence):
    with pytest.raises(BlueprintRefused, match=sentence.replace("[", r"\[").replace(".", r"\.")):
        applied(text)

    assert not RetentionRule.objects.exists()
