# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later

from django.apps.registry import Apps
from django.db import migrations, models
from django.db.backends.base.schema import BaseDatabaseSchemaEditor


def seal_what_there_is(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Whoever brings the database to this version vouches for the log so far."""
    from canale.accounts.audit import seal

    # `migrate-database` migrates another database than the default one.
    entries = apps.get_model("accounts", "AuditEntry").objects.using(editor.connection.alias)
    heads = apps.get_model("accounts", "AuditHead").objects.using(editor.connection.alias)
    newest = entries.order_by("-id").first()
    if newest is not None:
        count = entries.count()
        heads.create(pk=1, entries=count, hash=newest.hash, seal=seal(count, newest.hash))


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0001_initial"),
    ]

    operations = [
        migrations.CreateModel(
            name="AuditHead",
            fields=[
                (
                    "id",
                    models.BigAutoField(
                        auto_created=True, primary_key=True, serialize=False, verbose_name="ID"
                    ),
                ),
                ("entries", models.PositiveBigIntegerField()),
                ("hash", models.CharField(max_length=64)),
                ("seal", models.CharField(max_length=64)),
            ],
        ),
        migrations.RunPython(seal_what_there_is, migrations.RunPython.noop),
    ]
