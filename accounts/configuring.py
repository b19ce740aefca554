"""How configuration is changed in Django admin: every change leaves one line on the trail, and nothing in use goes.

Each room registers its own models with these two classes; the words for a change are shared with `manage.py apply`.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

from django.contrib import admin
from django.core.exceptions import ValidationError
from django.db import models
from django.forms import BaseForm, BaseInlineFormSet, BaseModelFormSet, Field, ModelChoiceField, ModelForm
from django.http import HttpRequest

from accounts import trail
from accounts.models import User

CHANGED = "configuration.changed"
CONCEALED = "value changed"
LONGEST_SHOWN = 80
NAMED_AT_MOST = 3


class ReadOnlyAdmin(admin.ModelAdmin):
    """A record that is looked at here and written elsewhere."""

    def has_add_permission(self, request: HttpRequest) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_delete_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class ReadOnlyInline(admin.TabularInline):
    """Rows of a record on the page of what they belong to."""

    extra = 0
    can_delete = False

    def has_add_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False

    def has_change_permission(self, request: HttpRequest, obj: Any = None) -> bool:
        return False


class RecordedAdmin(admin.ModelAdmin):
    """Configuration.

    concealed     names of form fields whose values are never written down
    explanations  help texts by field, where the model's own do not say enough to an administrator
    """

    concealed: Sequence[str] = ()
    explanations: Mapping[str, str] = {}

    def get_form(self, request: HttpRequest, obj: Any = None, change: bool = False, **kwargs: Any) -> Any:
        texts = getattr(getattr(self.form, "_meta", None), "help_texts", None) or {}
        return super().get_form(request, obj, change=change, **{"help_texts": {**texts, **self.explanations}, **kwargs})

    def title_of(self, obj: Any) -> str:
        """How the trail calls it."""
        return titled(obj)

    def construct_change_message(
        self, request: HttpRequest, form: Any, formsets: Any, add: bool = False
    ) -> list[dict[str, Any]]:
        """Django's own message, and after it what changed from what to what; Django shows the former only."""
        message: list[dict[str, Any]] = super().construct_change_message(request, form, formsets, add)
        details = [*changes_of(form, self.concealed), *_changes_of_parts(formsets or (), self.concealed)]
        return [*message, {"details": details}]

    def log_addition(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        record(request.user, obj, f"{self.title_of(obj)}: created")
        return super().log_addition(request, obj, message)

    def log_change(self, request: HttpRequest, obj: models.Model, message: Any) -> Any:
        details = [text for part in message if isinstance(part, dict) for text in part.get("details", ())]
        if details:
            record(request.user, obj, f"{self.title_of(obj)}: {', '.join(details)}")
        return super().log_change(request, obj, message)

    def log_deletions(self, request: HttpRequest, queryset: Any) -> Any:
        for obj in queryset:
            record(request.user, obj, f"{self.title_of(obj)}: deleted")
        return super().log_deletions(request, queryset)

    def get_deleted_objects(self, objs: Any, request: HttpRequest) -> Any:
        """What is in use stays: the sentences take the place of Django's list of protected rows."""
        deleted, counts, lacking, protected = super().get_deleted_objects(objs, request)
        refusals = [sentence for obj in objs if (sentence := why_not_deletable(obj))]
        if lacking and not refusals:
            refusals = [
                f"That would delete {', '.join(sorted(map(str, lacking)))} as well, which is kept for the record."
            ]
        return deleted, counts, set(), refusals or protected


def record(by: Any, obj: models.Model, sentence: str) -> None:
    """One line on the trail about a change of configuration. `by`: who is signed in; None for the command line."""
    trail.record(by if isinstance(by, User) else None, CHANGED, obj, sentence)


def titled(obj: models.Model) -> str:
    """What it is and how it is called: “Environment TEST”."""
    kind = str(obj._meta.verbose_name)
    return f"{kind[:1].upper()}{kind[1:]} {obj}"


def why_not_deletable(obj: models.Model) -> str | None:
    """The sentence that names what uses this row, or None. Its own parts and role grants go with it and do not count."""
    users = [f"the {row._meta.verbose_name} “{row}”" for row in _used_by(obj)]
    if not users:
        return None
    more = f" and {len(users) - NAMED_AT_MOST} more" if len(users) > NAMED_AT_MOST else ""
    return (
        f"{obj} is in use by {', '.join(users[:NAMED_AT_MOST])}{more}. Change what uses it first; what is part of the"
        " history is never deleted."
    )


def _used_by(obj: models.Model) -> Iterator[models.Model]:
    for relation in obj._meta.related_objects:
        if not (relation.many_to_many or relation.on_delete is models.PROTECT):
            continue
        if isinstance(relation, models.ManyToManyRel) and not _is_plain(relation):
            continue  # its rows are related by themselves, and say what they do when this one goes
        yield from relation.related_model._base_manager.filter(**{relation.field.name: obj})[: NAMED_AT_MOST * 10]


def _is_plain(relation: models.ManyToManyRel) -> bool:
    return relation.through is not None and bool(relation.through._meta.auto_created)


# -- the words for a change -------------------------------------------------------------------------------------------


def difference(label: str, before: object, after: object) -> str:
    """ "stage 1 → 2"."""
    return f"{label[:1].lower()}{label[1:]} {shown(before)} → {shown(after)}"


def shown(value: object) -> str:
    """A value in a sentence: bounded, without line breaks, and never empty."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple | set | models.QuerySet):
        return ", ".join(shown(item) for item in value) or "nothing"
    text = " ".join(str(value).split()) if value not in (None, "", {}) else "nothing"
    return text if len(text) <= LONGEST_SHOWN else f"{text[:LONGEST_SHOWN]}…"


def changes_of(form: BaseForm, concealed: Iterable[str]) -> list[str]:
    """What was changed in a valid form, from what to what."""
    return [_change_of(form, name, name in concealed) for name in form.changed_data]


def _change_of(form: BaseForm, name: str, is_concealed: bool) -> str:
    field = form.fields.get(name)
    if field is None:  # Django's password forms report a field that they do not have
        return f"{name} changed"
    if is_concealed:
        return CONCEALED
    label = str(field.label or name.replace("_", " "))
    before = _named(field, form.get_initial_for_field(field, name))
    return difference(label, before, _named(field, form.cleaned_data.get(name)))


def _named(field: Field, value: Any) -> object:
    """The value as people know it: names instead of ids, labels instead of codes."""
    if isinstance(field, ModelChoiceField):
        if isinstance(value, models.Model):
            return value
        ids = value if isinstance(value, list | tuple | models.QuerySet) else [value]
        ids = [getattr(item, "pk", item) for item in ids if item not in (None, "")]
        return sorted(str(row) for row in _model_of(field)._base_manager.filter(pk__in=ids))
    choices: dict[Any, Any] = dict(getattr(field, "choices", ()))
    if isinstance(value, list):
        return [choices.get(item, item) for item in value]
    return choices.get(value, value) if isinstance(value, str | int) else value


def _model_of(field: ModelChoiceField) -> type[models.Model]:
    queryset: models.QuerySet[models.Model] = field.queryset  # type: ignore[assignment]  # a form's field has one
    return queryset.model


def _changes_of_parts(formsets: Iterable[BaseModelFormSet], concealed: Iterable[str]) -> Iterator[str]:
    for formset in formsets:
        kind = formset.get_queryset().model._meta.verbose_name
        yield from (f"{kind} “{part}” added" for part in formset.new_objects)
        changed = {id(part) for part, _ in formset.changed_objects}
        for form in formset.initial_forms:
            if id(form.instance) in changed:
                yield f"{kind} “{form.instance}” ({', '.join(changes_of(form, concealed))})"
        yield from (f"{kind} “{part}” removed" for part in formset.deleted_objects)


# -- rows in an order -------------------------------------------------------------------------------------------------


class OrderedForm(ModelForm):
    """A row with a `position`; whether two have the same is for the form set to say, which sees them all."""

    def _get_validation_exclusions(self) -> set[str]:
        return {*super()._get_validation_exclusions(), "position"}  # type: ignore[misc]  # Django's own, without a stub


class OrderedFormSet(BaseInlineFormSet):
    """Rows whose `position` the database wants once each. They may change places with each other."""

    OUT_OF_THE_WAY = 1_000_000

    def clean(self) -> None:
        super().clean()
        if any(self.errors):
            return
        seen: set[int] = set()
        for form in self.kept_forms:
            position = form.cleaned_data["position"]
            if position in seen:
                raise ValidationError(f"The position {position} is given twice. Number the rows in their order.")
            seen.add(position)

    @property
    def kept_forms(self) -> list[Any]:
        """The forms of the rows that will be there, in the order of the page."""
        filled = [form for form in self.forms if form.instance.pk or form.has_changed()]
        return [form for form in filled if form not in self.deleted_forms]

    def save(self, commit: bool = True) -> Any:
        stored = type(self.empty_form.instance)._default_manager.filter(**{self.fk.name: self.instance})
        stored.update(position=models.F("position") + self.OUT_OF_THE_WAY)
        saved = super().save(commit)
        for form in self.kept_forms:
            stored.filter(pk=form.instance.pk).update(position=form.cleaned_data["position"])
        return saved
