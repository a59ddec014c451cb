# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later

from django.apps.registry import Apps
from django.db import migrations
from django.db.backends.base.schema import BaseDatabaseSchemaEditor

from canale.accounts.addresses import address


def respell(apps: Apps, editor: BaseDatabaseSchemaEditor) -> None:
    """Accounts are looked up in one spelling from here on."""
    staff = apps.get_model("accounts", "Staff").objects.using(editor.connection.alias)
    for pk, email in list(staff.values_list("pk", "email")):
        spelling = address(email)
        if spelling != email and not staff.filter(email=spelling).exists():
            staff.filter(pk=pk).update(email=spelling)


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_failed_sign_ins")]
    operations = [migrations.RunPython(respell, migrations.RunPython.noop)]
