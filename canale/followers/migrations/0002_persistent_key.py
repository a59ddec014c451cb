# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The model gets a new name; its table keeps the old one."""

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("followers", "0001_initial")]

    operations = [
        migrations.AlterModelTable("lastingkey", "followers_lastingkey"),
        migrations.RenameModel("LastingKey", "PersistentKey"),
    ]
