# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later

from django.db import migrations, models


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0003_log_of_channel"),
    ]

    operations = [
        migrations.CreateModel(
            name="AttemptCount",
            fields=[
                ("key", models.CharField(max_length=32, primary_key=True, serialize=False)),
                ("used", models.PositiveIntegerField()),
                ("ends_at", models.FloatField(db_index=True)),
            ],
        ),
    ]
