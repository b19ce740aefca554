"""Configuration as code: what a blueprint (a YAML file) looks like, and how it is read.

`read` knows the shape and nothing else; `releases.applying` compares it with what is stored. The schema by example is
`examples/patient_portal/stack.yaml`. A key that is left out keeps what is stored, or the default where the thing is new.
"""

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Annotated, Any, Literal

import yaml
from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError
from pydantic_core import PydanticCustomError

from accounts.models import Role
from projects.models import Project, Step
from registry.feeds import KINDS
from registry.models import Package


def _one_of(choices: Sequence[str]) -> AfterValidator:
    def check(value: str) -> str:
        if value not in choices:
            raise PydanticCustomError("one_of", "{sentence}", {"sentence": f"This must be {' or '.join(choices)}."})
        return value

    return AfterValidator(check)


Count = Annotated[int, Field(ge=0, le=2_147_483_647)]
AtLeastOne = Annotated[int, Field(ge=1, le=2_147_483_647)]
ConditionName = Annotated[str, _one_of(Project.Condition.values)]
StepKind = Annotated[str, _one_of(Step.Kind.values)]
FeedKind = Annotated[str, _one_of(list(KINDS))]
RoleName = Annotated[str, _one_of(Role.values)]
ManifestFormName = Annotated[str, _one_of(Package.ManifestForm.values)]

_NAME = re.compile(r"\$(?P<escaped>\$?)\{(?P<name>[A-Za-z_][A-Za-z0-9_]*)\}")


class BlueprintRefused(Exception):
    """Carries every reason as a sentence that begins with its place in the file. Nothing was changed."""

    def __init__(self, sentences: list[str]) -> None:
        super().__init__("\n".join(sentences))
        self.sentences = sentences


class Shape(BaseModel):
    """A part of a blueprint: exactly the keys that it knows, of exactly their types."""

    model_config = ConfigDict(extra="forbid", strict=True)

    def said(self, *names: str) -> dict[str, Any]:
        """The values of these keys, without those that the file leaves out."""
        return {name: getattr(self, name) for name in names if name in self.model_fields_set}


class EnvironmentShape(Shape):
    slug: str
    name: str
    position: Count | None = None
    is_production: bool = False
    worker_pool: str = "default"
    base_url: str = ""
    guided_failure: bool = False
    second_pair_of_eyes: bool = False
    capacity: AtLeastOne | None = None  # null: no limit


class PlaceShape(Shape):
    environment: str
    automatic: bool = False


class PhaseShape(Shape):
    name: str
    optional: bool = False
    minimum: Count = 0
    environments: list[PlaceShape]


class LifecycleShape(Shape):
    slug: str
    name: str
    description: str = ""
    phases: list[PhaseShape] = []


class StepShape(Shape):
    name: str
    kind: StepKind = Step.Kind.RUN_PACKAGE.value
    settings: dict[str, Any] = {}
    time_limit_seconds: Count = 3600
    retries: Count = 0
    repeatable: bool = False


class ProcessShape(Shape):
    slug: str
    name: str
    description: str = ""
    steps: list[StepShape] = []


class VariableShape(Shape):
    name: str
    value: str
    environment: str | None = None
    sensitive: bool = False


class TriggerShape(Shape):
    name: str
    enabled: bool = True
    packages: list[str] = []


class ComponentShape(Shape):
    slug: str
    name: str
    description: str = ""
    stage: Count
    condition: ConditionName = Project.Condition.IF_DIFFERENT.value
    process: str | None = None
    packages: list[str] = []
    lifecycle: str | None = None
    time_limit_seconds: AtLeastOne | None = None
    commit_url: str = ""  # empty: the stack's
    work_item_url: str = ""
    variables: list[VariableShape] = []


class ProjectShape(Shape):
    slug: str
    name: str
    kind: Literal["stack", "alone"]
    description: str = ""
    lifecycle: str | None = None
    number_pattern: str = "1.0.{n}"
    reverse_on_rollback: bool = True
    time_limit_seconds: AtLeastOne | None = None  # null: no limit
    commit_url: str = ""  # {commit} stands for the commit
    work_item_url: str = ""  # {id} stands for the work item
    process: str | None = None
    packages: list[str] = []
    variables: list[VariableShape] = []
    triggers: list[TriggerShape] = []
    components: list[ComponentShape] = []


class FeedShape(Shape):
    slug: str
    name: str
    kind: FeedKind
    url: str
    username: str = ""
    secret: str = ""
    enabled: bool = True
    poll_seconds: AtLeastOne = 300


class SourceShape(Shape):
    components: str = "*"
    feed: str
    name: str = "{component}"


class ManifestShape(Shape):
    file: str = ""
    form: ManifestFormName = Package.ManifestForm.PROPERTIES.value


class PackageShape(Shape):
    name: str
    feed: str | None = None  # null: the built-in one
    label: str = ""
    prereleases: bool = False
    manifest: ManifestShape | None = None
    sources: list[SourceShape] = []


class ApprovalRuleShape(Shape):
    name: str
    environments: list[str] = []
    projects: list[str] = []
    roles: list[str] = []
    groups: list[str] = []
    people: list[str] = []
    minimum: Count = 1
    requester_may: bool = False
    creator_may: bool = False


class GrantShape(Shape):
    role: RoleName
    user: str | None = None
    group: str | None = None
    project: str | None = None
    environment: str | None = None


class RetentionShape(Shape):
    package: str | None = None  # null: every package without a rule of its own
    keep_days: AtLeastOne | None = None
    keep_newest: AtLeastOne | None = None
    enabled: bool = False


class Blueprint(Shape):
    """What a file wants the configuration to be."""

    environments: list[EnvironmentShape] = []
    feeds: list[FeedShape] = []
    lifecycles: list[LifecycleShape] = []
    processes: list[ProcessShape] = []
    variables: list[VariableShape] = []
    projects: list[ProjectShape] = []
    packages: list[PackageShape] = []
    approval_rules: list[ApprovalRuleShape] = []
    groups: list[str] = []
    grants: list[GrantShape] = []
    retention: list[RetentionShape] = []


def read(text: str, environ: Mapping[str, str]) -> Blueprint:
    """The blueprint that this YAML text describes.

    `${NAME}` in any text is replaced by that name of `environ`, `$${NAME}` stands for itself.
    Raises BlueprintRefused with everything that is wrong with the shape, or with every name that is not known.
    """
    try:
        data = yaml.load(text, Loader=_Loader)  # noqa: S506 - derived from SafeLoader
    except yaml.YAMLError as error:
        raise BlueprintRefused([_sentence_of_yaml(error)]) from error
    if not isinstance(data, dict):
        raise BlueprintRefused(["The file is not a blueprint: at its top it holds keys such as “environments:”."])
    unknown = sorted({name for name in _names_in(data) if name not in environ})
    if unknown:
        listed = ", ".join(f"${{{name}}}" for name in unknown)
        raise BlueprintRefused(
            [f"The environment does not know {listed}. Set what is missing, or write $${{…}} for the text itself."]
        )
    try:
        return Blueprint.model_validate(_replaced(data, environ))
    except ValidationError as error:
        raise BlueprintRefused([_sentence_of(problem) for problem in error.errors()]) from error


class _Loader(yaml.SafeLoader):
    """Safe, and without YAML's silent “the last of two equal keys wins”."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if key in seen and key != "<<":
                raise yaml.constructor.ConstructorError(
                    None, None, f"the key “{key}” is given twice", key_node.start_mark
                )
            seen.add(key)
        return super().construct_mapping(node, deep)


def _names_in(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield from (match["name"] for match in _NAME.finditer(value) if not match["escaped"])
    elif isinstance(value, dict):
        for part in value.values():
            yield from _names_in(part)
    elif isinstance(value, list):
        for part in value:
            yield from _names_in(part)


def _replaced(value: Any, environ: Mapping[str, str]) -> Any:
    if isinstance(value, str):
        return _NAME.sub(lambda match: match[0][1:] if match["escaped"] else environ[match["name"]], value)
    if isinstance(value, dict):
        return {key: _replaced(part, environ) for key, part in value.items()}
    if isinstance(value, list):
        return [_replaced(part, environ) for part in value]
    return value


def _sentence_of_yaml(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    where = f" in line {mark.line + 1}, column {mark.column + 1}" if mark else ""
    return f"The file cannot be read as YAML{where}: {getattr(error, 'problem', None) or error}."


def _sentence_of(problem: Any) -> str:
    """One sentence per problem of shape, never with the value: it may be a secret."""
    *parents, last = problem["loc"]
    kind, context = problem["type"], problem.get("ctx", {})
    if kind == "extra_forbidden":
        return f"{place_of(parents)}: “{last}” is not known here. Check its spelling."
    if kind == "missing":
        return f"{place_of(parents)}: “{last}” is missing."
    place = place_of(problem["loc"])
    expected = {
        "string_type": "This must be a text. Put it in quotes.",
        "bool_type": "This must be true or false.",
        "int_type": "This must be a whole number.",
        "list_type": "This must be a list.",
        "dict_type": "This must be an object.",
        "model_type": "This must be an object.",
        "model_attributes_type": "This must be an object.",
        "greater_than_equal": f"This must be at least {context.get('ge')}.",
        "less_than_equal": f"This must be at most {context.get('le')}.",
        "literal_error": f"This must be {context.get('expected')}.",
    }
    return f"{place}: {expected.get(kind, problem['msg'])}"


def place_of(path: Any) -> str:
    """("projects", 0, "stage") → “projects[0].stage”."""
    text = "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in path)
    return text.removeprefix(".") or "The file"
