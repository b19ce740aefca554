"""What packages are called and how their manifests are read, as code."""

import pytest

from registry.models import ManifestSource, Package
from releases.blueprint import BlueprintRefused
from tests.factories import a_package, a_source, an_outside_feed, an_outside_package
from tests.projects.doors import applied, everything

pytestmark = pytest.mark.django_db

STATE = """
    packages:
      - name: anypoint-desired-state
        label: Desired state
        manifest: {file: deploy/manifest.yaml, form: yaml}
        sources:
          - {components: "*-api", feed: exchange, name: "com.example:{component}"}
          - {feed: images}
"""


@pytest.fixture(autouse=True)
def feeds() -> None:
    an_outside_feed("exchange", "Anypoint Exchange")
    an_outside_feed("images", "Images")


def refused(text: str) -> list[str]:
    with pytest.raises(BlueprintRefused) as refusal:
        applied(text)
    return refusal.value.sentences


def sources() -> list[tuple[str, str, str, int]]:
    rows = ManifestSource.objects.order_by("position")
    return [(row.components, row.feed.slug, row.name, row.position) for row in rows.select_related("feed")]


def test_a_package_is_called_and_its_manifest_read_as_the_file_says():
    applied(STATE)

    package = Package.objects.builtin().get()
    assert (package.name, package.label) == ("anypoint-desired-state", "Desired state")
    assert (package.manifest_file, package.manifest_form) == ("deploy/manifest.yaml", "yaml")
    assert sources() == [("*-api", "exchange", "com.example:{component}", 0), ("*", "images", "{component}", 1)]


def test_applying_it_again_changes_nothing():
    applied(STATE)
    before = everything()

    assert applied(STATE) == []
    assert everything() == before


def test_a_dry_run_says_the_same_and_writes_nothing():
    before = everything()

    foretold = applied(STATE, dry_run=True)

    assert everything() == before
    assert applied(STATE) == foretold


def test_what_changes_is_said():
    package = a_package("anypoint-desired-state")
    a_source(package, "*-app")

    changes = applied(STATE)

    assert changes == [
        "Package Desired state: shown as nothing → Desired state, manifest nothing → deploy/manifest.yaml, form of the"
        " manifest component=version lines → YAML",
        "Manifest source *-api of Desired state in Anypoint Exchange: created",
        "Manifest source * of Desired state in Images: created",
        "Manifest source *-app of Desired state in Anypoint Exchange: deleted",
    ]


def test_a_key_that_is_left_out_keeps_what_is_stored():
    applied(STATE)

    changes = applied("packages: [{name: Anypoint-Desired-State}]")

    assert changes == []
    assert len(sources()) == 2


def test_the_order_of_sources_is_that_of_the_file():
    applied(STATE)

    applied("""
        packages:
          - name: anypoint-desired-state
            sources:
              - {feed: images}
              - {components: "*-api", feed: exchange, name: "com.example:{component}"}
    """)

    assert sources() == [("*", "images", "{component}", 0), ("*-api", "exchange", "com.example:{component}", 1)]


def test_a_feed_that_there_is_not_is_refused():
    before = everything()

    sentences = refused("packages: [{name: state, sources: [{feed: nowhere}]}]")

    assert sentences == [
        "packages[0].sources[0].feed: There is no feed “nowhere”, neither in this file nor stored. Check its spelling."
    ]
    assert everything() == before


def test_a_name_that_makes_none_is_refused():
    sentences = refused('packages: [{name: state, sources: [{feed: exchange, name: "com.example: {component}"}]}]')

    assert sentences == [
        "packages[0].sources[0].name: “com.example: {component}” makes no name of a package. Use letters, digits and"
        " . _ : / - and, for the component's own name, {component}: for example com.example:{component}."
    ]


def test_the_feed_that_ci_pushes_to_is_no_source():
    sentences = refused("packages: [{name: state, sources: [{feed: builtin}]}]")

    assert sentences == [
        "packages[0].sources[0].feed: Built-in feed is where CI pushes to, and nothing is looked up there. Choose an"
        " outside store."
    ]


def test_a_form_that_there_is_not_is_refused():
    sentences = refused("packages: [{name: state, manifest: {form: toml}}]")

    assert sentences == ["packages[0].manifest.form: This must be properties or yaml or json."]


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("packages: [{name: state}, {name: State}]", "packages[1]"),
        ("packages: [{name: state, sources: [{feed: exchange}, {feed: images}]}]", "packages[0].sources[1]"),
    ],
)
def test_what_is_named_twice_is_refused(text, place):
    assert refused(text) == [f"{place}: This is named twice in the file. Keep one of them."]


def test_a_name_that_no_package_can_have_is_refused():
    assert refused("packages: [{name: 'not a name'}]")[0].startswith("packages[0].name: ")


def test_a_package_of_the_same_name_in_an_outside_store_stays_as_it_is():
    outside = an_outside_package("state")

    applied("packages: [{name: state, label: Desired state}]")

    outside.refresh_from_db()
    assert outside.label == ""
    assert Package.objects.builtin().get().label == "Desired state"
