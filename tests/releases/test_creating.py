"""Putting releases together: which versions they hold, how they are numbered, and when there is nothing to create."""

from datetime import UTC, datetime

import pytest

from accounts.models import Event
from projects.models import Process, Project
from registry import actions as registry
from releases import actions, snapshot
from releases.actions import ReleaseRefused
from releases.models import Release
from tests.factories import (
    a_component,
    a_lone_project,
    a_package,
    a_process,
    a_stack,
    a_user,
    a_version,
    an_environment,
)

pytestmark = pytest.mark.django_db


def a_shop(**fields: object) -> Project:
    """API before UI, with version 1.0.0 of both packages."""
    stack = a_stack("Shop", components={"API": 1, "UI": 2}, **fields)
    a_version("api", "1.0.0")
    a_version("ui", "1.0.0")
    return stack


def created(project: Project, **details: object) -> Release:
    return actions.create(project, by=a_user("rita"), **details)[0]


def held_by(release: Release) -> dict[str, str]:
    """Component → version, of a stack's release."""
    return {line.component.slug: line.release.number for line in release.components.select_related("component")}


def versions_in(release: Release) -> list[str]:
    return [str(line.version) for line in release.packages.select_related("version__package")]


# -- the newest -------------------------------------------------------------------------------------------------------


def test_a_stacks_release_holds_the_newest_of_every_component():
    stack = a_shop()
    a_version("ui", "1.1.0")

    release = created(stack)

    assert held_by(release) == {"api": "1.0.0", "ui": "1.1.0"}


def test_the_newest_is_the_highest_version_and_not_the_last_one_pushed():
    stack = a_shop()
    a_version("ui", "1.10.0")
    a_version("ui", "1.9.0")

    assert held_by(created(stack))["ui"] == "1.10.0"


def test_a_pre_release_is_lower_than_its_release():
    stack = a_shop()
    a_version("ui", "2.0.0")
    a_version("ui", "2.0.0-rc.1")

    assert held_by(created(stack))["ui"] == "2.0.0"


def test_a_pre_release_is_higher_than_the_release_before():
    stack = a_shop()
    a_version("ui", "2.0.0-rc.1")

    assert held_by(created(stack))["ui"] == "2.0.0-rc.1"


def test_what_was_withdrawn_is_not_chosen():
    stack = a_shop()
    registry.withdraw(a_version("ui", "1.1.0"), by=a_user("rita"), reason="It holds a virus.")

    assert held_by(created(stack))["ui"] == "1.0.0"


def test_a_stated_version_is_held_instead_of_the_newest():
    stack = a_shop()
    a_version("ui", "1.1.0")

    release = created(stack, versions={"ui": "1.0.0"})

    assert held_by(release) == {"api": "1.0.0", "ui": "1.0.0"}


def test_a_stated_version_is_found_however_it_is_written():
    stack = a_shop()
    a_version("ui", "1.1.0")

    assert held_by(created(stack, versions={"UI": "v1.0"}))["ui"] == "1.0.0"


def test_the_manifest_keeps_the_order_of_deployment():
    stack = a_shop()

    release = created(stack)

    lines = release.components.values_list("component__name", "stage", "condition")
    assert list(lines) == [("API", 1, "if_different"), ("UI", 2, "if_different")]


def test_a_component_with_several_packages_holds_the_newest_of_each_and_is_named_after_the_first():
    stack = a_shop()
    ui = Project.objects.get(name="UI")
    ui.project_packages.create(package=a_package("fonts"), position=2)
    a_version("fonts", "7.0.0")

    created(stack)

    release = Release.objects.get(project=ui)
    assert (release.number, versions_in(release)) == ("1.0.0", ["ui 1.0.0", "fonts 7.0.0"])


def test_a_project_on_its_own_is_numbered_like_its_package():
    website = a_lone_project()
    a_version("website", "3.2.1")

    release = created(website)

    assert (str(release), versions_in(release)) == ("Website 3.2.1", ["website 3.2.1"])


# -- refused ----------------------------------------------------------------------------------------------------------


def test_a_component_without_a_package_is_named():
    stack = a_stack("Shop", components={"API": 1, "UI": 2})
    a_version("api", "1.0.0")

    with pytest.raises(ReleaseRefused, match="UI has no package yet that could be deployed") as refused:
        created(stack)

    assert refused.value.code == "component_without_package"


def test_a_component_whose_every_version_was_withdrawn_is_named():
    stack = a_shop()
    registry.withdraw(a_version("ui"), by=a_user("rita"), reason="It holds a virus.")

    with pytest.raises(ReleaseRefused, match="UI has no package yet that could be deployed"):
        created(stack)

    assert not Release.objects.filter(project=stack).exists()


def test_a_refused_release_leaves_no_component_release_behind():
    stack = a_stack("Shop", components={"API": 1, "UI": 2})
    a_version("api", "1.0.0")

    with pytest.raises(ReleaseRefused):
        created(stack)

    assert not Release.objects.exists()


def test_a_stack_without_components_has_no_release():
    with pytest.raises(ReleaseRefused, match=r"Shop has no components yet\. An administrator adds them") as refused:
        created(a_stack("Shop"))

    assert refused.value.code == "no_components"


def test_a_project_without_a_package_has_no_release():
    website = a_lone_project()
    website.project_packages.all().delete()

    with pytest.raises(ReleaseRefused, match=r"Website holds no package\. An administrator adds one") as refused:
        created(website)

    assert refused.value.code == "no_packages"


def test_a_stated_version_that_was_never_pushed_is_refused():
    stack = a_shop()

    with pytest.raises(ReleaseRefused, match=r"Shop has no package ui 9\.9\.9\. Push it first") as refused:
        created(stack, versions={"ui": "9.9.9"})

    assert refused.value.code == "version_unknown"


def test_a_stated_package_of_another_project_is_refused():
    stack = a_shop()
    a_version("elsewhere", "1.0.0")

    with pytest.raises(ReleaseRefused, match="Shop has no package elsewhere") as refused:
        created(stack, versions={"elsewhere": "1.0.0"})

    assert refused.value.code == "version_unknown"


def test_a_stated_version_that_was_withdrawn_is_refused_with_the_reason():
    stack = a_shop()
    a_version("ui", "1.1.0")
    registry.withdraw(a_version("ui"), by=a_user("rita"), reason="It holds a virus.")

    with pytest.raises(ReleaseRefused, match=r"ui 1\.0\.0 was withdrawn: It holds a virus\.") as refused:
        created(stack, versions={"ui": "1.0.0"})

    assert refused.value.code == "withdrawn"


def test_a_stated_version_that_is_none_is_refused():
    stack = a_shop()

    with pytest.raises(ReleaseRefused, match="“newest” is not a version") as refused:
        created(stack, versions={"ui": "newest"})

    assert refused.value.code == "version_unreadable"


# -- the same contents ------------------------------------------------------------------------------------------------


def test_the_same_contents_again_give_the_same_release():
    stack = a_shop()
    first, _ = actions.create(stack, by=a_user("rita"))

    again, new = actions.create(stack, by=a_user("rudi"))

    assert (again, new) == (first, False)
    assert Release.objects.count() == 3


def test_two_stack_releases_share_the_component_release_that_both_hold():
    stack = a_shop()
    first = created(stack)
    a_version("ui", "1.1.0")

    second = created(stack)

    api = first.components.get(component__name="API").release
    assert second.components.get(component__name="API").release == api
    assert second != first


def test_a_component_in_another_stage_makes_another_release():
    stack = a_shop()
    first = created(stack)
    Project.objects.filter(name="UI").update(stage=1)

    second, new = actions.create(stack, by=a_user("rita"))

    assert (new, second.number) == (True, "1.0.2")
    assert first.components.get(component__name="UI").stage == 2


def test_a_component_that_joins_makes_another_release():
    stack = a_shop()
    created(stack)
    a_component(stack, "Docs", stage=2)
    a_version("docs", "5.0.0")

    assert held_by(created(stack)) == {"api": "1.0.0", "ui": "1.0.0", "docs": "5.0.0"}


# -- numbers ----------------------------------------------------------------------------------------------------------


def test_releases_of_a_stack_are_counted_up():
    stack = a_shop()
    created(stack)
    a_version("ui", "1.1.0")

    assert created(stack).number == "1.0.2"


def test_the_count_begins_anew_with_the_month_that_the_pattern_names(monkeypatch):
    stack = a_shop(number_pattern="{yyyy}.{mm}.{n}")
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 1, 31, 12, tzinfo=UTC))
    january = created(stack)
    a_version("ui", "1.1.0")
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 2, 1, 12, tzinfo=UTC))

    february = created(stack)

    assert (january.number, february.number) == ("2026.1.1", "2026.2.1")


def test_the_day_that_a_number_names_is_the_one_of_the_portals_time_zone(monkeypatch, settings):
    settings.TIME_ZONE = "Pacific/Auckland"
    stack = a_shop(number_pattern="{yyyy}.{mm}.{n}")
    monkeypatch.setattr("django.utils.timezone.now", lambda: datetime(2026, 1, 31, 23, tzinfo=UTC))

    assert created(stack).number == "2026.2.1"


def test_a_stated_number_is_taken():
    assert created(a_shop(), number="4.0.0").number == "4.0.0"


def test_the_count_goes_on_after_a_stated_number_of_the_pattern():
    stack = a_shop()
    created(stack, number="1.0.41")
    a_version("ui", "1.1.0")

    assert created(stack).number == "1.0.42"


def test_a_stated_number_that_holds_something_else_is_refused():
    stack = a_shop()
    created(stack, number="4.0.0")
    a_version("ui", "1.1.0")

    with pytest.raises(ReleaseRefused, match=r"Shop 4\.0\.0 exists already and holds other contents") as refused:
        created(stack, number="4.0.0")

    assert refused.value.code == "number_taken"
    assert stack.releases.count() == 1


def test_a_stated_number_that_is_no_version_is_refused():
    with pytest.raises(ReleaseRefused, match="“spring” is not a version") as refused:
        created(a_shop(), number="spring")

    assert refused.value.code == "number_unreadable"


def test_releases_are_in_order_of_their_numbers_and_not_of_their_creation():
    stack = a_shop()
    ten = created(stack, number="1.0.10")
    a_version("ui", "1.1.0")
    nine = created(stack, number="1.0.9")

    assert list(stack.releases.newest_first()) == [ten, nine]


# -- what a release freezes -------------------------------------------------------------------------------------------


def test_a_changed_variable_makes_a_new_component_release_of_the_same_version():
    website = a_lone_project()
    a_version("website", "1.0.0")
    first = created(website)
    website.variables.create(name="COLOUR", value="blue")

    second = created(website)

    assert (first.number, second.number, second.argument) == ("1.0.0", "1.0.0+2", "1.0.0.2")
    assert list(website.releases.newest_first()) == [second, first]


def test_a_changed_process_makes_a_new_component_release_of_the_same_version():
    website = a_lone_project()
    a_version("website", "1.0.0")
    created(website)
    a_process().steps.update(time_limit_seconds=60)

    assert created(website).number == "1.0.0+2"


def test_a_third_release_of_one_version_is_numbered_on():
    website = a_lone_project()
    a_version("website", "1.0.0")
    created(website)
    colour = website.variables.create(name="COLOUR", value="blue")
    created(website)
    colour.value = "green"
    colour.save()

    assert created(website).number == "1.0.0+3"


def test_a_variable_that_is_put_back_gives_the_first_release_again():
    website = a_lone_project()
    a_version("website", "1.0.0")
    first = created(website)
    colour = website.variables.create(name="COLOUR", value="blue")
    created(website)
    colour.delete()

    assert created(website) == first


def test_a_changed_variable_of_a_component_makes_a_new_release_of_its_stack():
    stack = a_shop()
    created(stack)
    Project.objects.get(name="UI").variables.create(name="COLOUR", value="blue")

    assert held_by(created(stack)) == {"api": "1.0.0", "ui": "1.0.0+2"}


def test_a_variable_of_another_project_changes_nothing():
    website = a_lone_project()
    a_version("website", "1.0.0")
    first = created(website)
    a_lone_project("Elsewhere").variables.create(name="COLOUR", value="blue")

    assert created(website) == first


def test_a_release_keeps_the_process_and_the_variables_of_its_day():
    website = a_lone_project()
    a_version("website", "1.0.0")
    colour = website.variables.create(name="COLOUR", value="blue")
    release = created(website)

    Process.objects.get().steps.update(name="Something else", time_limit_seconds=1)
    colour.delete()

    release.refresh_from_db()
    assert [step["name"] for step in release.snapshot["process"]["steps"]] == ["Run the release package"]
    assert snapshot.environment_of(release.snapshot, "test") == ({"COLOUR": "blue"}, set())


def test_a_sensitive_value_is_encrypted_in_the_release():
    website = a_lone_project()
    a_version("website", "1.0.0")
    password = website.variables.model(project=website, name="PASSWORD", environment=an_environment("PROD"))
    password.set_value("hunter2-hunter2", sensitive=True)
    password.save()

    release = created(website)

    stored = str(Release.objects.filter(pk=release.pk).values().get())
    assert "hunter2" not in stored
    assert snapshot.environment_of(release.snapshot, "prod") == ({"PASSWORD": "hunter2-hunter2"}, {"hunter2-hunter2"})


def test_a_sensitive_value_that_is_merely_encrypted_again_makes_no_new_release():
    website = a_lone_project()
    a_version("website", "1.0.0")
    password = website.variables.model(project=website, name="PASSWORD")
    password.set_value("hunter2-hunter2", sensitive=True)
    password.save()
    first = created(website)
    password.set_value("hunter2-hunter2", sensitive=True)
    password.save()

    assert created(website) == first


def test_a_stacks_own_release_freezes_no_process():
    assert created(a_shop()).snapshot == {}


# -- on record --------------------------------------------------------------------------------------------------------


def test_a_new_release_is_on_the_trail_with_what_it_holds():
    release = created(a_shop())

    line = Event.objects.get(verb="release.created", subject_id=str(release.pk))

    assert (line.actor, line.sentence) == (a_user("rita"), "Shop 1.0.1 was created: API 1.0.0, UI 1.0.0.")


def test_a_release_that_exists_leaves_no_second_line():
    stack = a_shop()
    created(stack)
    before = Event.objects.count()

    created(stack)

    assert Event.objects.count() == before


def test_the_notes_are_those_of_whoever_created_it():
    assert created(a_shop(), notes="For the spring campaign.").notes == "For the spring campaign."
