"""The manifest of a package: in three forms, where it is looked for, and what is said where it cannot be read."""

import json
from contextlib import suppress

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from registry.inspection import Limits, ManifestPlace, inspect, unpack
from registry.manifests import FORMS, MAX_BYTES, ManifestMissing, ManifestUnreadable, glean, read
from registry.refusals import RegistryRefused
from tests.registry.packages import SCRIPT, a_tar, a_zip, cdaf_files, cdaf_script, saved

LIMITS = Limits(unpacked_bytes=10_000_000, members=1000, ratio=200)
DESIRED = {"patient-api": "1.4.114", "admissions-api": "1.10"}
LINES = b"# what CloudHub shall run\npatient-api=1.4.114\nadmissions-api=1.10\n"
WORDS = st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20)


# -- forms ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("form", "data"),
    [
        ("properties", LINES),
        ("properties", b"\xef\xbb\xbf patient-api = 1.4.114 # new\r\n\r\n; old\r\n! older\r\nadmissions-api=1.10"),
        ("yaml", b"patient-api: 1.4.114\nadmissions-api: 1.10\n"),
        ("yaml", b"---\n# comment\n'patient-api': \"1.4.114\"\nadmissions-api: !!str 1.10\n...\n"),
        ("yaml", b"release: 2025.11\ncomponents:\n  patient-api: 1.4.114\n  admissions-api: 1.10\n"),
        (
            "yaml",
            b"- name: patient-api\n  version: 1.4.114\n  owner: [a, b]\n- {name: admissions-api, version: 1.10}\n",
        ),
        ("yaml", b"components:\n- {version: 1.4.114, name: patient-api}\n- {version: 1.10, name: admissions-api}\n"),
        ("yaml", b'{"patient-api": "1.4.114", "admissions-api": 1.10}'),
        ("json", b'{"patient-api": "1.4.114", "admissions-api": 1.10}'),
        ("json", b'\xef\xbb\xbf{"components": {"patient-api": "1.4.114", "admissions-api": "1.10"}, "release": null}'),
        ("json", b'[{"name": "patient-api", "version": "1.4.114"}, {"name": "admissions-api", "version": "1.10"}]'),
        (
            "json",
            b'{"components": [{"name": "patient-api", "version": "1.4.114", "tags": {}},'
            b' {"name": "admissions-api", "version": 1.10}]}',
        ),
    ],
)
def test_names_and_versions_are_read_as_they_are_written(form, data):
    assert read(data, form) == DESIRED


@pytest.mark.parametrize("form", ["yaml", "json"])
def test_a_component_may_be_called_components(form):
    assert read(b'{"components": "1.0", "api": "2.0"}', form) == {"components": "1.0", "api": "2.0"}


@pytest.mark.parametrize("name", ["@scope/ui", "com.example:api", "a_b.c-d", "päckage"])
@pytest.mark.parametrize("form", ["properties", "json"])
def test_a_component_may_be_called_as_it_is_where_it_comes_from(name, form):
    data = json.dumps({name: "1.0"}) if form == "json" else f"{name}=1.0"

    assert read(data.encode(), form) == {name: "1.0"}


@given(st.dictionaries(WORDS, WORDS, min_size=1, max_size=5))
def test_what_is_written_as_json_is_read_again(desired):
    assert read(json.dumps(desired).encode(), "json") == desired


@given(st.dictionaries(WORDS, WORDS, min_size=1, max_size=5))
def test_what_is_written_as_yaml_is_read_again(desired):
    assert read(yaml.safe_dump(desired, allow_unicode=True, default_style='"').encode(), "yaml") == desired


UNREADABLE = {
    "properties: no equals sign": (
        "properties",
        b"a=1\npatient-api: 1.4",
        "Line 2 of the manifest m, “patient-api: 1.4”",
    ),
    "properties: no name": ("properties", b"=1.4", "Line 1 of the manifest m, “=1.4”, is not component=version"),
    "properties: no version": ("properties", b"api=", "Line 1 of the manifest m, “api=”, is not component=version"),
    "properties: only a comment as version": ("properties", b"api= # x", "Line 1 .* is not component=version"),
    "properties: a space in the name": ("properties", b"a b=1", "Line 1 .* component “a b”. Write it without spaces"),
    "properties: a space in the version": ("properties", b"a=1 0", "Line 1 .* version “1 0”"),
    "properties: a control character": ("properties", b"a=1\x1b[2J", "Line 1 .* version “1�"),
    "properties: twice": ("properties", b"a=1\n\na=1", "Line 3 of the manifest m names a a second time"),
    "properties: name too long": ("properties", b"a" * 101 + b"=1", "in at most 100 characters"),
    "properties: version too long": ("properties", b"a=" + b"1" * 201, "in at most 200 characters"),
    "properties: too many": ("properties", b"\n".join(b"c%d=1" % n for n in range(1001)), "more than 1,000 components"),
    "properties: nothing": ("properties", b"# nothing\n", "names no component"),
    "yaml: nothing": ("yaml", b"", "holds neither an object nor a list"),
    "yaml: only a comment": ("yaml", b"# nothing\n", "holds neither an object nor a list"),
    "yaml: empty object": ("yaml", b"{}", "names no component"),
    "yaml: text": ("yaml", b"hello", "Line 1 of the manifest m holds neither an object nor a list"),
    "yaml: no version": (
        "yaml",
        b"a: 1\nb:\n",
        "Line 2 of the manifest m has no text where the version of “b” belongs",
    ),
    "yaml: version is an object": ("yaml", b"a: {b: 1}", "Line 1 .* where the version of “a” belongs"),
    "yaml: name is a list": ("yaml", b"? [a]\n: 1", "Line 1 .* where a name belongs"),
    "yaml: list of text": ("yaml", b"- a=1", "Line 1 .* where a name belongs"),
    "yaml: item without a version": ("yaml", b"- name: a\n- name: b", "Line 1 .* where the version of “a” belongs"),
    "yaml: item with a name that is a list": ("yaml", b"- ? [name]\n  : a", "Line 1 .* where a name belongs"),
    "yaml: item with two names": ("yaml", b"- name: a\n  name: b\n  version: 1", "Line 2 .* holds name twice"),
    "yaml: components twice": ("yaml", b"components: {a: 1}\ncomponents: {b: 1}", "Line 2 .* holds components twice"),
    "yaml: components that are nothing": ("yaml", b"a: 1\ncomponents:", "Line 2 .* neither an object nor a list"),
    "yaml: twice": ("yaml", b"a: 1\na: 2", "Line 2 of the manifest m names a a second time"),
    "yaml: alias": ("yaml", b"a: &x 1\nb: *x", "Line 1 .* anchor or alias"),
    "yaml: bomb of aliases": ("yaml", b"a: &a [x]\nb: &b [*a, *a]\nc: [*b, *b]", "Line 1 .* anchor or alias"),
    "yaml: tag that would run something": (
        "yaml",
        b"a: !!python/object/apply:os.system ['id']",
        "Line 1 .* uses a tag",
    ),
    "yaml: tag for another type": ("yaml", b"a: !!float 1.10", "Line 1 .* uses a tag"),
    "yaml: several documents": ("yaml", b"a: 1\n---\nb: 2", "holds several YAML documents"),
    "yaml: syntax": ("yaml", b"a: 1\nb: c: d", "Line 2 of the manifest m is not YAML: mapping values"),
    "yaml: character that is not allowed": ("yaml", b"a: \x00", "is not YAML: it holds characters"),
    "yaml: deep": ("yaml", b"a: " + b"[" * 30_000, "nested deeper than 20 levels"),
    "yaml: deep in lines": ("yaml", b"- " * 30_000, "nested deeper than 20 levels"),
    "json: nothing": ("json", b"", "Line 1 of the manifest m is not JSON"),
    "json: syntax": ("json", b'{"a": "1",\n}', "Line 2 of the manifest m is not JSON: .* in column 1"),
    "json: two values": ("json", b'{"a": "1"} {}', "Line 1 of the manifest m is not JSON"),
    "json: twice": ("json", b'{"a": "1", "a": "2"}', "The manifest m names a a second time"),
    "json: twice in components": ("json", b'{"components": {"a": "1", "a": "1"}}', "names a a second time"),
    "json: true": ("json", b'{"a": true}', "The manifest m has no text where the version of “a” belongs"),
    "json: no number": ("json", b'{"a": NaN}', "where the version of “a” belongs"),
    "json: half a character": ("json", b'{"a": "\\ud800"}', "names the version “�”"),
    "json: deep": ("json", b"[" * 60_000, "nested deeper than 20 levels"),
    "json: deep and complete": ("json", b'{"a":' * 30 + b"1" + b"}" * 30, "nested deeper than 20 levels"),
    "json: in UTF-16": ("json", '{"a": "1"}'.encode("utf-16"), "is not in UTF-8"),
    "not in UTF-8": ("properties", b"caf\xe9=1", "is not in UTF-8. Save it in UTF-8"),
    "too large": ("properties", b"#" * (MAX_BYTES + 1), "is larger than 64 KiB"),
}


@pytest.mark.parametrize(("form", "data", "sentence"), UNREADABLE.values(), ids=UNREADABLE.keys())
def test_what_cannot_be_read_is_refused_with_the_file_the_line_and_what_to_do(form, data, sentence):
    with pytest.raises(ManifestUnreadable, match=sentence) as refused:
        read(data, form, file="m")

    assert refused.value.code == "manifest-unreadable"
    assert refused.value.sentence.endswith(".")


@given(st.sampled_from(FORMS), st.one_of(st.binary(max_size=60), st.text("ab1.-: =#[]{},'\"&*!|>\n\t?%@", max_size=60)))
def test_every_manifest_is_either_read_or_refused(form, content):
    data = content if isinstance(content, bytes) else content.encode()
    found = {"nothing": "refused"}

    with suppress(ManifestUnreadable):
        found = read(data, form)

    assert found


@pytest.mark.parametrize(
    "data",
    [
        b"no equals sign\n=1.0\nname=\nna me=1.0\nname=1 0\n; x\n",
        b"caf\xe9=1.0",
        b"name=1.0\n" + b"#" * MAX_BYTES,
        b"a=1\x00\n",
        b"\n".join(b"c%d=1" % number for number in range(1001)),
        b"a=" + b"1" * 201,
    ],
)
def test_a_file_that_may_be_something_else_says_nothing_where_it_is_no_manifest(data):
    assert glean(data) == {}


def test_lines_that_are_no_part_of_a_manifest_are_passed_over_where_nobody_promised_one():
    assert glean(b"Built on Monday\npatient-api=1.4.114\n\nKey: value\nadmissions-api = 1.10\n") == DESIRED


# -- places -----------------------------------------------------------------------------------------------------------


def contents(tmp_path, data: bytes, place: ManifestPlace) -> dict[str, str]:
    return inspect(saved(tmp_path, data), LIMITS, place).contents


COMPONENTS = ManifestPlace("app-components.cm")
IN_TASKS = ManifestPlace("TasksLocal/app-components.cm")


@pytest.mark.parametrize(
    ("data", "place"),
    [
        (a_zip({"app-components.cm": LINES}), COMPONENTS),
        (a_tar({"./app-components.cm": LINES, "dist/x": b"x"}, "gz"), COMPONENTS),
        (a_zip({"desired/app-components.cm": LINES, "desired/x": b"x", "README": b"x"}), COMPONENTS),
        (a_zip({"app-components.cm": LINES, "one/app-components.cm": b"old=1"}), COMPONENTS),
        (a_zip({"conf/app-components.cm": LINES}), ManifestPlace("./conf//app-components.cm")),
        (a_zip({"top/TasksLocal/app-components.cm": LINES}), IN_TASKS),
        (a_tar({"TasksLocal/app-components.cm": LINES}), IN_TASKS),
        (cdaf_script(cdaf_files("TEST") | {"TasksLocal/app-components.cm": LINES}), IN_TASKS),
        (cdaf_script(cdaf_files("TEST") | {"TasksLocal/app-components.cm": LINES}), COMPONENTS),
        (a_zip({"release.sh": cdaf_script({"TasksLocal/app-components.cm": LINES})}), IN_TASKS),
        (a_zip({"desired.json": json.dumps(DESIRED).encode()}), ManifestPlace("desired.json", "json")),
        (a_zip({"desired.yaml": yaml.safe_dump(DESIRED).encode()}), ManifestPlace("desired.yaml", "yaml")),
    ],
)
def test_the_manifest_is_read_from_where_it_is_stated_to_be(tmp_path, data, place):
    assert contents(tmp_path, data, place) == DESIRED


def test_the_usual_names_do_not_count_where_another_is_stated(tmp_path):
    assert contents(tmp_path, a_zip({"manifest": b"old=1", "app-components.cm": LINES}), COMPONENTS) == DESIRED


@pytest.mark.parametrize(
    "data",
    [
        a_zip({"manifest": LINES}),
        a_zip({"one/app-components.cm": LINES, "two/x": b"x"}),
        a_zip({"one/two/app-components.cm": LINES}),
        a_zip({"App-Components.cm": LINES}),
        SCRIPT,
        cdaf_script(cdaf_files("TEST")),
        cdaf_script(b"AAAA"),
        cdaf_script(b"*"),
    ],
    ids=["usual name", "one of several", "too deep", "other case", "script", "payload without", "damaged", "no base64"],
)
def test_a_stated_manifest_that_is_missing_is_refused(tmp_path, data):
    with pytest.raises(ManifestMissing) as refused:
        contents(tmp_path, data, COMPONENTS)

    assert refused.value.code == "manifest-missing"
    assert refused.value.sentence == (
        "The package holds no file app-components.cm, which is stated as its manifest. Push a package that holds it, or"
        " ask the administrator to state where the manifest is."
    )


@pytest.mark.parametrize("file", ["../app-components.cm", "/", ".", "dist"])
def test_a_place_where_nothing_can_be_is_missing(tmp_path, file):
    with pytest.raises(ManifestMissing):
        contents(tmp_path, a_zip({"app-components.cm": LINES, "dist/x": b"x"}), ManifestPlace(file))


@pytest.mark.parametrize(
    ("manifest", "sentence"),
    [
        (b"hello", "Line 1 of the manifest desired/app-components.cm, “hello”, is not component=version"),
        (b"#" * 65_537, "The manifest desired/app-components.cm is larger than 64 KiB"),
        (b"", "The manifest desired/app-components.cm names no component"),
    ],
)
def test_a_stated_manifest_that_cannot_be_read_is_refused(tmp_path, manifest, sentence):
    data = a_zip({"desired/app-components.cm": manifest, "desired/release.sh": SCRIPT})

    with pytest.raises(RegistryRefused, match=sentence):
        contents(tmp_path, data, COMPONENTS)


def test_what_is_stated_later_does_not_keep_an_older_package_from_being_unpacked(tmp_path):
    unpacked = unpack(saved(tmp_path, a_zip({"manifest": LINES})), tmp_path / "run", LIMITS)

    assert unpacked.contents == DESIRED


# -- the usual names --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["manifest", "manifest.properties"])
@pytest.mark.parametrize("directory", ["", "TasksLocal/"])
def test_a_self_extracting_script_may_carry_a_manifest(tmp_path, directory, name):
    files = cdaf_files("TEST") | {f"{directory}{name}": LINES}

    assert inspect(saved(tmp_path, cdaf_script(files)), LIMITS).contents == DESIRED


@pytest.mark.parametrize("place", ["TasksLocal/manifest.txt", "manifest.txt"])
def test_the_manifest_of_cdaf_itself_names_no_components(tmp_path, place):
    files = {place: b"# Manifest for revision x\nSOLUTION=x\nBUILDNUMBER=1\n", "TasksLocal/delivery.sh": SCRIPT}

    assert inspect(saved(tmp_path, a_zip(files)), LIMITS).contents == {}


def test_a_manifest_beside_that_of_cdaf_is_read(tmp_path):
    files = cdaf_files("TEST") | {"manifest.txt": LINES}

    inspection = inspect(saved(tmp_path, a_tar(files)), LIMITS)

    assert inspection.contents == DESIRED
    assert inspection.about["solution"] == "patient-pages"
