from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.filenames import EXTENSIONS, IdentityRefused, NameRefused, bare, identity, identity_from, package_name
from registry.refusals import RegistryRefused


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("patient-ui.1.4.17.zip", ("patient-ui", "1.4.17")),
        ("patient-ui.1.4.17.tar.gz", ("patient-ui", "1.4.17")),
        ("patient-ui.1.4.17.tgz", ("patient-ui", "1.4.17")),
        ("Patient.Ui.2.0.0-rc.1.NUPKG", ("Patient.Ui", "2.0.0-rc.1")),
        ("lib2.1.0.0.jar", ("lib2", "1.0.0")),
        ("desired.1.2.3.4.war", ("desired", "1.2.3.4")),
        ("desired.1.0.0+build.5.tar.bz2", ("desired", "1.0.0+build.5")),
        ("desired.1.0.0-20251101.3.tar", ("desired", "1.0.0-20251101.3")),
        ("desired.v1.0.zip", ("desired", "v1.0")),
        ("desired.7.sh", ("desired", "7")),
        ("desired.1.0.TAR.GZ", ("desired", "1.0")),
        ("desired.1.0.tar.bz", ("desired", "1.0")),
        ("desired.1.0.tbz", ("desired", "1.0")),
        ("desired.1.0.tbz2", ("desired", "1.0")),
        ("desired.1.0.ear", ("desired", "1.0")),
        ("desired.1.0.0-zip.1.zip", ("desired", "1.0.0-zip.1")),
        ("desired.20260801120000.zip", ("desired", "20260801120000")),
        ("a.7.tools.1.0.0.zip", ("a.7.tools", "1.0.0")),
        (r"C:\builds\patient-ui.1.4.17.zip", ("patient-ui", "1.4.17")),
        ("../builds/patient-ui.1.4.17.zip", ("patient-ui", "1.4.17")),
    ],
)
def test_name_and_version_are_read_from_the_file_name(filename, expected):
    assert identity_from(filename) == expected


@pytest.mark.parametrize(
    ("filename", "reason"),
    [
        ("patient-ui-1.4.17.tar.gz", "as version 1.4.17 of patient-ui or as version 4.17 of patient-ui-1"),
        ("patient_ui_1.4.17.zip", "as version 1.4.17 of patient_ui or as version 4.17 of patient_ui_1"),
        ("foo.1.2.3.4.5.zip", "as version 2.3.4.5 of foo.1 or as version 3.4.5 of foo.1.2"),
        ("foo.1-2.3.4.zip", "as version 1-2.3.4 of foo or as version"),
        ("foo.7-tools.1.0.0.zip", "as version 7-tools.1.0.0 of foo or as version"),
        ("foo-1.zip", "as version 1 of foo or as a package without a version"),
        ("release.sh", "does not say both"),
        ("foo.zip", "does not say both"),
        ("1.2.3.zip", "does not say both"),
        ("v1.2.3-rc.1.zip", "does not say both"),
        ("foo.1.0.rar", "ends in none of"),
        ("foo.1.0.tar.Z", "ends in none of"),
        ("foo.1.0.tar.xz", "ends in none of"),
        ("foo.1.0.7z", "ends in none of"),
        ("foo.1.0.ps1", "ends in none of"),
        ("foo-1.0.0.ear", "as version 1.0.0 of foo or as version 0.0 of foo-1"),
        ("foo_2-1.0.tbz", "as version 2-1.0 of foo or as"),
        ("foo.1.0.0", "ends in none of"),
        (".zip", "ends in none of"),
        ("", "ends in none of"),
    ],
)
def test_an_unclear_file_name_is_refused_and_the_sentence_says_how_to_state_both(filename, reason):
    with pytest.raises(IdentityRefused, match=reason) as refused:
        identity_from(filename)

    assert "?name=…&version=…" in refused.value.sentence
    assert "form fields name and version" in refused.value.sentence


def test_a_version_in_the_file_name_that_is_none_is_refused_as_such():
    with pytest.raises(RegistryRefused, match="leading zero"):
        identity_from("foo.1.0.0-rc.01.zip")


NAMES = st.from_regex(r"[a-z]{1,9}([._-][a-z]{1,9}){0,3}", fullmatch=True)
PLAIN_VERSIONS = st.from_regex(r"[0-9]{1,4}(\.[0-9]{1,4}){1,3}", fullmatch=True)


@given(NAMES, PLAIN_VERSIONS, st.sampled_from(EXTENSIONS))
def test_name_and_version_come_back_from_every_name_that_is_joined_by_a_dot(name, version, extension):
    assert identity_from(f"{name}.{version}{extension}") == (name, version)


@given(NAMES, PLAIN_VERSIONS, st.sampled_from("-_"), st.sampled_from(EXTENSIONS))
def test_both_readings_are_named_where_the_version_is_joined_otherwise(name, version, separator, extension):
    first, rest = version.split(".", 1)

    with pytest.raises(IdentityRefused) as refused:
        identity_from(f"{name}{separator}{version}{extension}")

    assert (
        f"as version {version} of {name} or as version {rest} of {name}{separator}{first}. " in refused.value.sentence
    )


@given(st.text(alphabet="ab1.-_+v0", max_size=25))
def test_every_file_name_is_either_read_or_refused(stem):
    read = stem

    with suppress(RegistryRefused):
        read = ".".join(identity_from(f"{stem}.zip"))

    assert read == stem


def test_what_is_stated_counts_more_than_the_file_name():
    assert identity("other-9.zip", name="patient-ui", version="1.4") == ("patient-ui", "1.4")


def test_a_stated_name_makes_an_ambiguous_file_name_clear():
    assert identity("patient-ui-1.4.17.tar.gz", name="patient-ui") == ("patient-ui", "1.4.17")


def test_a_stated_version_makes_an_ambiguous_file_name_clear():
    assert identity("patient-ui-1.4.17.tar.gz", version="1.4.17") == ("patient-ui", "1.4.17")


@pytest.mark.parametrize("stated", [{"name": "client"}, {"version": "9.9"}])
def test_a_file_name_that_does_not_fit_what_is_stated_says_nothing(stated):
    with pytest.raises(IdentityRefused, match="does not say which"):
        identity("patient-ui.1.4.17.zip", **stated)


@pytest.mark.parametrize("name", ["patient-ui", "Patient.Ui_2", "a", "1", "x" * 100])
def test_a_plain_name_is_accepted(name):
    assert package_name(name) == name


@pytest.mark.parametrize(
    "name", ["", "-ui", "ui-", "a--b", "a..b", "..", "a/b", "a b", "ä", "a\n", "a\x00", "@scope", "$(id)", "x" * 101]
)
def test_any_other_name_is_refused(name):
    with pytest.raises(NameRefused) as refused:
        package_name(name)

    assert refused.value.code == "name-refused"


def test_a_file_name_is_kept_without_its_path_and_without_what_cannot_be_printed():
    assert bare("/tmp/..\\x\x00\n\u202eui.1.0.zip") == "xui.1.0.zip"
