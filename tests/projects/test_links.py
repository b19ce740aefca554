"""Where commits and work items lead: patterns of a project and its stack, checked by both doors to the configuration."""

import pytest

from accounts.models import Event
from projects.links import COMMIT, NOWHERE, WORK_ITEM, Links, links_of, links_of_first, why_not_pattern
from projects.models import Project
from releases.blueprint import BlueprintRefused
from tests.factories import a_lone_project, a_package, a_process, a_stack, an_administrator
from tests.projects.doors import add, applied, change, everything, rows, says

COMMITS = "https://git.example.com/shop/commit/{commit}"
ITEMS = "https://jira.example.com/browse/{id}"
NO_MARK = (
    "State an address that begins with https:// or http:// and holds {commit} once, for example"
    " https://git.example.com/patient-ui/commit/{commit}."
)


# -- what they lead to ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("id", "address"),
    [
        ("PP-101", "https://jira.example.com/browse/PP-101"),
        ("#12", "https://jira.example.com/browse/12"),
        ("team/ui#12", "https://jira.example.com/browse/team%2Fui%2312"),
        ("PP 101", ""),
        ("", ""),
        ("../admin?x=1", ""),
        ("1" * 101, ""),
    ],
)
def test_a_work_item_leads_where_the_pattern_says(id, address):
    assert Links(work_item_url=ITEMS).to_work_item(id) == address


def test_a_commit_leads_where_the_pattern_says():
    assert Links(commit_url=COMMITS).to_commit("7fd1a60b") == "https://git.example.com/shop/commit/7fd1a60b"


def test_without_a_pattern_nothing_leads_anywhere():
    assert (NOWHERE.to_commit("7fd1a60b"), NOWHERE.to_work_item("PP-101")) == ("", "")


@pytest.mark.django_db
def test_a_component_s_own_pattern_goes_before_its_stack_s():
    stack = a_stack("Shop", {"UI": 1}, commit_url=COMMITS, work_item_url=ITEMS)
    ui = stack.components.get()
    ui.commit_url = "https://git.example.com/ui/commit/{commit}"

    assert links_of(ui) == Links("https://git.example.com/ui/commit/{commit}", ITEMS)


@pytest.mark.django_db
def test_of_several_projects_the_first_with_a_pattern_counts():
    projects = [a_lone_project("A"), a_lone_project("B", work_item_url=ITEMS), a_lone_project("C", commit_url=COMMITS)]

    assert links_of_first(projects) == Links("", ITEMS)


def test_of_no_project_nothing_leads_anywhere():
    assert links_of(None) == links_of_first([]) == NOWHERE


# -- what is refused --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("pattern", ["", COMMITS, "http://git/{commit}", "https://git.example.com/?at={commit}#top"])
def test_a_pattern_that_leads_somewhere_is_fine(pattern):
    assert why_not_pattern(pattern, COMMIT) is None


@pytest.mark.parametrize(
    ("pattern", "sentence"),
    [
        ("https://git.example.com/commit/", NO_MARK),
        ("https://git.example.com/{commit}/{commit}", NO_MARK),
        ("git.example.com/{commit}", NO_MARK),
        ("javascript:alert('{commit}')", NO_MARK),
        ("https://git.example.com/a b/{commit}", NO_MARK),
        ("https://git.example.com\\@evil.example/{commit}", NO_MARK),
        ("https://{commit}", "{commit} belongs behind the name of the server"),
        ("https://{commit}.example.com/", "{commit} belongs behind the name of the server"),
        ("https://git.example.com/{project}/{commit}", "Only {commit} may stand in braces here"),
    ],
)
def test_a_pattern_that_leads_nowhere_is_refused(pattern, sentence):
    assert str(why_not_pattern(pattern, COMMIT)).startswith(sentence)


def test_a_pattern_for_work_items_names_its_own_mark():
    assert "holds {id} once, for example https://jira" in str(why_not_pattern("https://jira.example.com", WORK_ITEM))


# -- the two doors ----------------------------------------------------------------------------------------------------


@pytest.fixture
def admin(client, db):
    client.force_login(an_administrator())
    return client


def a_mail(**fields):
    """The fields of the form of a project on its own."""
    usual = {"name": "Mail", "slug": "mail", "kind": "alone", "stage": 0, "position": 0, "condition": "always"}
    project = {
        "number_pattern": "1.0.{n}",
        "process": a_process().pk,
        "lifecycle": a_lone_project("Other").lifecycle_id,
    }
    return usual | project | fields


def packages():
    return rows("project_packages", {"package": a_package("mail").pk, "position": 0})


def test_a_form_takes_the_patterns(admin):
    add(admin, Project, packages(), **a_mail(commit_url=COMMITS, work_item_url=ITEMS))

    assert links_of(Project.objects.get(slug="mail")) == Links(COMMITS, ITEMS)


def test_a_form_refuses_a_wrong_pattern_at_its_field(admin):
    page = add(admin, Project, packages(), **a_mail(commit_url="https://git.example.com/", work_item_url=ITEMS))

    assert says(page, NO_MARK)
    assert page.context["adminform"].form.errors == {"commit_url": [NO_MARK]}
    assert page.content.decode().count("holds {commit} once") == 1
    assert not Project.objects.filter(slug="mail").exists()


def test_a_form_refuses_a_wrong_pattern_of_a_stored_project_once(admin):
    mail = a_lone_project("Mail", commit_url=COMMITS)
    held = mail.project_packages.get()
    stored = rows(
        "project_packages", stored=({"id": held.pk, "project": mail.pk, "package": held.package_id, "position": 1},)
    )

    page = change(admin, mail, stored, **a_mail(work_item_url="javascript:{id}"))

    assert list(page.context["adminform"].form.errors) == ["work_item_url"]
    assert page.content.decode().count("holds {id} once") == 1


SHOP = """
    projects:
      - slug: shop
        name: Shop
        kind: stack
        commit_url: {}
        work_item_url: https://jira.example.com/browse/{{id}}
        components:
          - {{slug: ui, name: UI, stage: 1, commit_url: "https://git.example.com/ui/commit/{{commit}}"}}
"""


@pytest.mark.django_db
def test_a_blueprint_brings_the_patterns_of_stacks_and_components():
    a_stack("Shop", {"UI": 1})

    changes = applied(SHOP.format(COMMITS))

    assert changes == [
        f"Project Shop: address of a commit nothing → {COMMITS}, address of a work item nothing → {ITEMS}",
        "Project UI: address of a commit nothing → https://git.example.com/ui/commit/{commit}",
    ]
    assert links_of(Project.objects.get(slug="ui")) == Links("https://git.example.com/ui/commit/{commit}", ITEMS)
    assert Event.objects.count() == 2


@pytest.mark.django_db
def test_a_blueprint_that_brought_them_changes_nothing_again():
    a_stack("Shop", {"UI": 1})
    applied(SHOP.format(COMMITS))

    assert applied(SHOP.format(COMMITS)) == []


@pytest.mark.django_db
def test_a_blueprint_refuses_a_wrong_pattern_and_says_where():
    a_stack("Shop", {"UI": 1})
    before = everything()

    with pytest.raises(BlueprintRefused) as refusal:
        applied(SHOP.format("git.example.com"))

    assert refusal.value.sentences == [f"projects[0].commit_url: {NO_MARK}"]
    assert everything() == before
