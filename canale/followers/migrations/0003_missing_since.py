# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("followers", "0002_lastingkey"),
    ]

    operations = [
        migrations.AddField(
            model_name="address",
            name="missing_since",
            field=models.DateTimeField(blank=True, null=True),
        ),
    ]
