# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The outlets of a channel: where its posts go, and how each one fares.

The channel's own pages and its fan-outs are outlets without a row: every channel has them, and they
are always on. A relay is set up for one channel, with options, and with secrets in the vault.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from django.db import IntegrityError, transaction

from canale.accounts.audit import record
from canale.channel.characters import is_damaged, one_line
from canale.channel.models import Channel
from canale.core.settings import settings
from canale.delivery.models import Outlet
from canale.delivery.transports.base import Result
from canale.delivery.transports.registry import BUILT_IN, RELAYS, RelaySpec, get_relay
from canale.delivery.transports.relays import OutletRefusedError, OutletSetup, new_key
from canale.net.http import GuardedClient
from canale.vault.rotation import SealedRow, reseal
from canale.vault.sealing import VaultError, open_sealed, seal

MAX_NAME_LENGTH = 40
MAX_OPTION_LENGTH = 1_000
HTTP_TIMEOUT = timedelta(seconds=15)


@dataclass(frozen=True, slots=True)
class OutletState:
    """One line of a list of outlets."""

    name: str
    transport: str
    state: str
    """on, off, or paused."""
    reason: str = ""
    """Why it is paused, or why its last post did not arrive."""
    verified_at: datetime | None = None


def outlet_states(channel: Channel) -> list[OutletState]:
    """List all outlets of a channel, those that it always has first."""
    states = [OutletState(spec.name, spec.name, "on") for spec in BUILT_IN]
    for outlet in channel.outlets.order_by("pk"):
        state = "paused" if outlet.paused else "on" if outlet.on else "off"
        reason = outlet.paused or outlet.problem
        states.append(OutletState(outlet.name, outlet.transport, state, reason, outlet.verified_at))
    return states


def find_outlet(channel: Channel, name: str) -> Outlet:
    """Return a relay by its name. Raises OutletRefusedError."""
    outlet = channel.outlets.filter(name=name).first()
    if outlet is not None:
        return outlet
    if any(name == spec.name for spec in BUILT_IN):
        raise OutletRefusedError(f"{name} is a part of every channel: it cannot be changed")
    known = ", ".join(channel.outlets.order_by("pk").values_list("name", flat=True))
    hint = f"there is: {known}" if known else "none was added yet"
    raise OutletRefusedError(f"there is no outlet {name}; {hint}")


def add_outlet(
    channel: Channel,
    transport: str,
    *,
    name: str = "",
    options: Mapping[str, str],
    secrets: Mapping[str, str],
    by: str,
) -> tuple[Outlet, OutletSetup]:
    """Set up a relay. The name is the transport's unless another is given. Raises
    OutletRefusedError."""
    spec = _relay(transport)
    name = one_line(name) or transport
    if is_damaged(name) or len(name) > MAX_NAME_LENGTH:
        raise OutletRefusedError(f"a name has 1 to {MAX_NAME_LENGTH} characters of Unicode text")
    if any(name == built_in.name for built_in in BUILT_IN):
        raise OutletRefusedError(f"{name} is the name of an outlet that every channel has")
    _check_names("option", options, spec.options, spec.required_options)
    _check_names("secret", secrets, spec.secrets, spec.secrets)
    setup = spec.prepare(options, secrets)
    outlet = Outlet(channel=channel, transport=transport, name=name, options=dict(setup.options))
    outlet.sealed = _sealed(outlet, setup.secrets)
    try:
        with transaction.atomic():
            outlet.save()
            record(by, "outlet.added", channel.handle, outlet=name, transport=transport)
    except IntegrityError:
        raise OutletRefusedError(
            f"there is an outlet {name} already; choose another name"
        ) from None
    return outlet, setup


def _relay(transport: str) -> RelaySpec[Any]:
    try:
        return get_relay(transport)
    except KeyError:
        known = ", ".join(spec.name for spec in RELAYS)
        raise OutletRefusedError(
            f"there is no transport {transport} to add; there is: {known}"
        ) from None


def _check_names(
    kind: str, given: Mapping[str, str], known: tuple[str, ...], required: tuple[str, ...]
) -> None:
    for name in given:
        if name not in known:
            hint = f"there is: {', '.join(known)}" if known else "it takes none"
            raise OutletRefusedError(f"there is no {kind} {name}; {hint}")
    for name in required:
        if not given.get(name):
            raise OutletRefusedError(f"the {kind} {name} is missing")
    for name, value in given.items():
        if len(value) > MAX_OPTION_LENGTH:
            raise OutletRefusedError(
                f"the {kind} {name} has more than {MAX_OPTION_LENGTH} characters"
            )


@transaction.atomic
def switch_outlet(outlet: Outlet, *, on: bool, by: str) -> None:
    """Switch a relay on or off. On also ends a pause."""
    outlet.on = on
    outlet.paused = "" if on else outlet.paused
    outlet.save(update_fields=["on", "paused"])
    act = "outlet.switched_on" if on else "outlet.switched_off"
    record(by, act, outlet.channel.handle, outlet=outlet.name, transport=outlet.transport)


@transaction.atomic
def remove_outlet(outlet: Outlet, *, by: str) -> None:
    """Forget a relay, its secrets and what is known of its copies; what it shows stays there."""
    outlet.delete()
    record(
        by, "outlet.removed", outlet.channel.handle, outlet=outlet.name, transport=outlet.transport
    )


async def send_trial(outlet: Outlet) -> Result:
    """Make a call that nobody can take for a post. Raises OutletRefusedError."""
    try:
        setup = setup_of(outlet)
    except VaultError as error:
        raise OutletRefusedError(
            f"the secrets of {outlet.name} cannot be opened: {error}"
        ) from None
    client = open_client()
    try:
        relay = get_relay(outlet.transport).open(setup, client)
        return (await relay.check(new_key())).result
    finally:
        await client.close()


def open_client() -> GuardedClient:
    """Return the client for outlets' calls, for this event loop."""
    return GuardedClient(
        settings.outlet_origins, total_timeout=HTTP_TIMEOUT, proxy=settings.push_proxy
    )


def setup_of(outlet: Outlet) -> OutletSetup:
    """Open the secrets. Raises VaultError."""
    secrets = open_sealed(bytes(outlet.sealed), _kind(outlet.name), outlet.channel_id)
    return OutletSetup(outlet.options, {name: str(value) for name, value in secrets.items()})


def reseal_outlets() -> tuple[int, list[str]]:
    """Seal with today's key what the old one sealed. Gives their number, and the names of those
    that no key opens."""
    rows = {outlet.pk: outlet for outlet in Outlet.objects.all()}
    resealed, lost = reseal(
        SealedRow(pk, bytes(outlet.sealed), _kind(outlet.name), outlet.channel_id)
        for pk, outlet in rows.items()
    )
    for each in resealed:
        unchanged = Outlet.objects.filter(pk=each.row.id, sealed=each.row.sealed)
        unchanged.update(sealed=each.sealed)
    return len(resealed), [rows[row.id].name for row in lost]


def _sealed(outlet: Outlet, secrets: Mapping[str, str]) -> bytes:
    try:
        return seal(secrets, _kind(outlet.name), outlet.channel_id)
    except ValueError as error:
        raise OutletRefusedError(f"the secrets are too long: {error}") from None


def _kind(name: str) -> str:
    """The kind to which secrets are bound, so that they cannot be moved to another outlet."""
    return f"outlet {name}"
