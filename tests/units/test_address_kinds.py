# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A transport with a new kind of address needs no change in the API."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

from tests.structure.repository import ROOT

# A process of its own: the API builds its schemas when it is imported.
PROGRAM = """
import dataclasses, json, sys
import django
django.setup()
from django.core.management import call_command
from django.test import Client
from pydantic import BaseModel

call_command("migrate", verbosity=0)
from canale.channel.channels import create_channel
from canale.delivery.transports import registry
from canale.followers.models import Address
from canale.vault.sealing import open_sealed

class PigeonIn(BaseModel):
    address: str

def check(address, *, may_wait):
    if address["address"] == "nowhere":
        raise registry.AddressRefusedError("address: nobody lives there")

pigeon = dataclasses.replace(
    registry.FAN_OUTS[0], name="pigeon", address_kind="pigeon", check_address=check,
    address_schema=PigeonIn, public_params={"pigeon_loft": lambda: "Torrazzo"},
)
registry.FAN_OUTS += (pigeon,)
registry._BY_ADDRESS_KIND["pigeon"] = pigeon
registry.ADDRESS_SCHEMAS["pigeon"] = PigeonIn
registry.PUBLIC_PARAMS.append("pigeon_loft")

create_channel("cremona", "Cremona")
device, path = Client(), "/api/v1/channels/cremona"

def follow(body):
    answer = device.post(path + "/followers", body, content_type="application/json")
    return [answer.status_code, answer.json()]

kept = {"address": "Piazza Duomo 1"}
push = {"endpoint": "https://fcm.googleapis.com/fcm/send/a", "keys": {"p256dh": "a", "auth": "b"}}
results = {
    "channel": device.get(path).json(),
    "refused": follow({"pigeon": {"address": "nowhere"}}),
    "two": follow({"pigeon": kept, "push": push}),
    "created": follow({"pigeon": kept}),
    "again": follow({}),
    "kept": [
        [row.kind, open_sealed(bytes(row.sealed), row.kind, row.channel_id)]
        for row in Address.objects.all()
    ],
}
json.dump(results, sys.stdout)
"""


def test_api_serves_a_new_kind_of_address(tmp_path: Path) -> None:
    run = subprocess.run(
        [sys.executable, "-c", PROGRAM],
        cwd=ROOT,
        env={
            **os.environ,
            "CANALE_DATA": str(tmp_path),
            "DJANGO_SETTINGS_MODULE": "canale.core.django_settings",
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    results = json.loads(run.stdout)
    assert results["channel"]["pigeon_loft"] == "Torrazzo"
    assert results["channel"]["vapid_public_key"]
    status, problem = results["refused"]
    assert (status, problem["errors"]) == (422, {"pigeon": ["address: nobody lives there"]})
    assert results["two"][0] == 422
    reached = {"push": False, "pigeon": True}
    status, following = results["created"]
    assert (status, {kind: following[kind] for kind in reached}) == (201, reached)
    assert results["again"] == [200, following]
    assert results["kept"] == [["pigeon", {"address": "Piazza Duomo 1"}]]
