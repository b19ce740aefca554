"""How things are called in sentences where their own name does not say enough."""

from projects.models import Variable


def title_of_variable(variable: Variable) -> str:
    """ "Variable TZ of all projects", "Variable SITE_ROOT of Patient UI in TEST". Never with its value."""
    where = f" in {variable.environment}" if variable.environment else ""
    return f"Variable {variable.name} of {variable.project or 'all projects'}{where}"
