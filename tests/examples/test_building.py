"""What the example tells the portal about its builds."""

import pytest

from examples.patient_portal.building import facts_of, stated_by_server
from examples.patient_portal.packages import build, source_of
from registry.builds import Build, Commit, WorkItem, checked

SOURCE = "7fd1a60b01f91b314f59955a4e4d4e80d8edf11d"
GITHUB = {
    "GITHUB_ACTIONS": "true",
    "GITHUB_SERVER_URL": "https://github.com",
    "GITHUB_REPOSITORY": "example/patient-ui",
    "GITHUB_RUN_ID": "900",
    "GITHUB_RUN_NUMBER": "57",
    "GITHUB_REF_NAME": "main",
    "GITHUB_SHA": SOURCE,
}
GITLAB = {
    "GITLAB_CI": "true",
    "CI_PIPELINE_IID": "57",
    "CI_PIPELINE_URL": "https://gitlab.example.com/p/-/pipelines/900",
    "CI_COMMIT_REF_NAME": "main",
    "CI_COMMIT_SHA": SOURCE,
    "CI_PROJECT_URL": "https://gitlab.example.com/p",
}
JENKINS = {
    "JENKINS_URL": "https://jenkins.example.com/",
    "BUILD_NUMBER": "57",
    "BUILD_URL": "https://jenkins.example.com/job/ui/57/",
    "GIT_BRANCH": "origin/main",
    "GIT_COMMIT": SOURCE,
    "GIT_URL": "git@git.example.com:ui.git",
}
AZURE = {
    "TF_BUILD": "True",
    "SYSTEM_COLLECTIONURI": "https://dev.azure.com/example/",
    "SYSTEM_TEAMPROJECT": "Patient Portal",
    "BUILD_BUILDID": "900",
    "BUILD_BUILDNUMBER": "20261126.1",
    "BUILD_SOURCEBRANCHNAME": "main",
    "BUILD_SOURCEVERSION": SOURCE,
    "BUILD_REPOSITORY_URI": "https://example@dev.azure.com/example/Patient Portal/_git/ui",
}


def accepted(facts: dict) -> Build:
    """As the portal takes them; raises what it refuses."""
    commits = tuple(Commit(**commit) for commit in facts.pop("commits", ()))
    items = tuple(WorkItem(**item) for item in facts.pop("work_items", ()))
    return checked(Build(**facts, commits=commits, work_items=items))


@pytest.mark.parametrize(
    ("environ", "server", "url"),
    [
        (GITHUB, "GitHub Actions", "https://github.com/example/patient-ui/actions/runs/900"),
        (GITLAB, "GitLab CI", "https://gitlab.example.com/p/-/pipelines/900"),
        (JENKINS, "Jenkins", "https://jenkins.example.com/job/ui/57/"),
        (AZURE, "Azure Pipelines", "https://dev.azure.com/example/Patient%20Portal/_build/results?buildId=900"),
    ],
)
def test_in_a_pipeline_it_is_what_the_build_server_states(environ, server, url):
    told = accepted(facts_of("patient-ui", "1.0.0", "made-up", environ, {}))

    assert (told.server, told.url, told.commit, told.work_items) == (server, url, SOURCE, ())


def test_an_address_that_no_browser_opens_is_left_out():
    assert "repository" not in stated_by_server(JENKINS)


def test_a_name_in_an_address_is_left_out():
    assert stated_by_server(AZURE)["repository"] == "https://dev.azure.com/example/Patient%20Portal/_git/ui"


def test_what_a_build_server_does_not_state_is_not_told():
    assert stated_by_server({"GITLAB_CI": "true", "CI_PIPELINE_IID": "57"}) == {"server": "GitLab CI", "number": "57"}


@pytest.mark.parametrize("component", ["patient-ui", "anypoint-desired-state"])
@pytest.mark.parametrize(("version", "items"), [("1.0.0", 2), ("1.0.1", 1), ("1.1.0-rc.1", 2), ("2", 2), ("1.40.7", 1)])
def test_elsewhere_it_is_made_up_from_the_version(component, version, items):
    told = accepted(facts_of(component, version, SOURCE, {}, {}))

    assert (told.commit, told.commits[0].id) == (SOURCE, SOURCE)
    assert len(told.commits) == len(told.work_items) == items


def test_versions_bring_different_work_items():
    first, second = (facts_of("patient-ui", version, SOURCE, {}, {}) for version in ("1.0.0", "1.1.0"))

    ids = [item["id"] for told in (first, second) for item in told["work_items"]]
    assert ids == ["PP-101", "PP-104", "PP-107", "PP-110"]


def test_work_items_that_somebody_states_take_the_place_of_others():
    told = facts_of("patient-ui", "1.0.0", SOURCE, {}, {"PP-120": "Wards have names"})

    assert told["work_items"] == [{"id": "PP-120", "title": "Wards have names"}]


def test_the_source_of_a_package_is_told_as_a_commit():
    source = source_of(build("patient-ui", "1.0.0"))

    assert accepted(facts_of("patient-ui", "1.0.0", source, {}, {})).commit == source
    assert len(source) == 40
