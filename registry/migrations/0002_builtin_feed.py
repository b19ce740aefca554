"""The feed that CI pushes to exists from the start."""

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def create_builtin_feed(apps: Apps, schema_editor: BaseDatabaseSchemaEditor) -> None:
    feeds = apps.get_model("registry", "Feed").objects.using(schema_editor.connection.alias)
    feeds.get_or_create(slug="builtin", defaults={"name": "Built-in feed", "kind": "builtin"})


class Migration(migrations.Migration):
    dependencies = [("registry", "0001_initial")]
    operations = [migrations.RunPython(create_builtin_feed, migrations.RunPython.noop)]
