"""With which values."""

from accounts.configuring import CONCEALED, difference
from lifecycles.models import Environment
from projects import rules
from projects.models import Project, Variable
from projects.wording import title_of_variable
from releases import blueprint as shapes
from releases.applying.work import Work, readable, wrong_with
from releases.blueprint import Blueprint


def shared_variables(work: Work, blueprint: Blueprint) -> None:
    bring_variables(work, "variables", blueprint.variables, None)


def bring_variables(work: Work, place: str, wanted: list[shapes.VariableShape], project: Project | None) -> None:
    for index, shape in enumerate(wanted):
        here = f"{place}[{index}]"
        environment = work.find(f"{here}.environment", Environment, "slug", shape.environment)
        if environment is None and shape.environment is not None:
            continue
        if work.once(here, Variable, project and project.pk, environment and environment.pk, shape.name):
            scope = {"project": project, "environment": environment, "name": shape.name}
            _variable(work, here, Variable.objects.filter(**scope).first() or Variable(**scope), shape)


def _variable(work: Work, place: str, row: Variable, shape: shapes.VariableShape) -> None:
    """Sensitive values are compared decrypted, and never written into a sentence."""
    new, was_sensitive, before = row._state.adding, row.sensitive, readable(row)
    sensitive = shape.sensitive if "sensitive" in shape.model_fields_set else was_sensitive
    if not new and before == shape.value and was_sensitive == sensitive:
        return
    row.set_value(shape.value, sensitive=sensitive)
    problems = [*wrong_with(row), *rules.why_not_variable_name(row.name)]
    for problem in problems:
        work.refuse(f"{place}.{problem.field}" if problem.field else place, problem.sentence)
    if problems:
        return
    row.save()
    details = []
    if before != shape.value:
        details.append(CONCEALED if sensitive or was_sensitive else difference("value", before, shape.value))
    if was_sensitive != sensitive:
        details.append(difference("sensitive", was_sensitive, sensitive))
    work.note(row, f"{title_of_variable(row)}: {'created' if new else ', '.join(details)}")
