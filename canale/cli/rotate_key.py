# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""canale rotate-key: a new secret key, while the channel serves (docs/decisions/0017)."""

from __future__ import annotations

import argparse
import contextlib
import sys

from django.db import transaction

from canale.accounts import audit
from canale.cli.brokers import delete_stream
from canale.cli.commands import CommandError
from canale.cli.diagnostics import database_diagnosis
from canale.cli.folder_locks import exclusive_folder, runs_with
from canale.core import durable_files
from canale.core.secret_key import new_key, read_key, write_key
from canale.core.settings import settings
from canale.delivery.outlets import reseal_outlets
from canale.delivery.transports.registry import FAN_OUTS
from canale.followers.addresses import delete_gone
from canale.followers.models import Address
from canale.followers.persistent_keys import keep_persistent_keys, renew_persistent_key
from canale.followers.rotation import opens_any, reseal_addresses
from canale.newsroom.adapter import reseal_second_factors
from canale.vault.keys import key_id
from canale.vault.sealing import VaultError


def add_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--drop-lost", action="store_true", help="delete addresses that neither key opens"
    )
    parser.add_argument(
        "--new-push-identity",
        dest="new_identity",
        action="store_true",
        help="after a theft of key and database: also replace the identity at push services. "
        "EVERY SUBSCRIPTION IS LOST: phones follow again when they next open the channel",
    )


def run(arguments: argparse.Namespace) -> int:
    # In the wrong folder, a new key would look like the beginning of a rotation.
    diagnosis = database_diagnosis()
    if diagnosis is not None:
        raise CommandError(str(diagnosis))
    if arguments.new_identity:
        return _new_identity()
    if not settings.old_secret_key:
        return _begin()
    return _finish(drop_lost=arguments.drop_lost)


def _begin() -> int:
    """Put a new key in place and set the old one aside. Can be repeated after a kill."""
    kept, old = settings.data / "secret-key", settings.data / "secret-key.old"
    if not kept.exists() or read_key(kept) != settings.secret_key:
        raise CommandError(
            "the key comes from the environment: on every machine set CANALE_OLD_SECRET_KEY to it "
            "and CANALE_SECRET_KEY to a new one, restart, and run this again"
        )
    with contextlib.suppress(FileExistsError):
        durable_files.link(kept, old)
    durable_files.replace(write_key(settings.data, new_key()), kept)
    sys.stdout.write(
        "There is a new key; the previous one still opens what it sealed.\n"
        "Now restart every server and worker, keep a copy of the new secret-key apart, "
        "and run `canale rotate-key` again.\n"
    )
    return 0


def _finish(*, drop_lost: bool) -> int:
    if runs_with(key_id(settings.old_secret_key)):
        raise CommandError("a server or worker still uses the previous key: restart it first")
    if not opens_any():
        raise CommandError("neither key opens this database's addresses: these are other keys")
    try:
        keep_persistent_keys()
        factors = reseal_second_factors()
        outlets, lost = reseal_outlets()
    except VaultError as error:
        raise CommandError(f"{error}; nothing was lost: restore the right key") from error
    if lost:
        raise CommandError(
            f"the secrets of {', '.join(lost)} open with neither key; the old key is kept. Restore "
            "the right key, or remove these outlets and add them again: canale outlet --remove"
        )
    addresses = _reseal_addresses(drop_lost=drop_lost)
    # This also seals the end of the log with the new key.
    audit.record("cli", "key.changed")
    sealed = f"{addresses} addresses, {factors} second factors, {outlets} outlets"
    sys.stdout.write(f"Resealed: {sealed}.\n")
    _forget_old_key()
    return 0


def _reseal_addresses(*, drop_lost: bool) -> int:
    """Walk until nothing is left: new followers may have been sealed with the former key."""
    total = 0
    while True:
        seen = resealed = 0
        lost: list[int] = []
        for progress in reseal_addresses():
            seen, resealed = seen + progress.seen, resealed + progress.resealed
            if drop_lost:
                delete_gone(progress.lost)
            else:
                lost += progress.lost
            if seen % 5_000 == 0:
                sys.stderr.write(f"{seen} addresses seen, {total + resealed} resealed\n")
        if lost:
            raise CommandError(
                f"{len(lost)} addresses open with neither key; the old key is kept. Restore "
                "the right key, or delete them: canale rotate-key --drop-lost"
            )
        if not resealed:
            return total
        total += resealed


def _forget_old_key() -> None:
    """Delete the old key and its stream. A stream that stays does no harm: nothing reads it."""
    if settings.nats_url:
        stream, problem = delete_stream(settings.old_secret_key)
        if problem:
            sys.stderr.write(
                f"canale: NATS may still keep {stream} ({problem}); once it is back: "
                f"nats stream rm {stream}\n"
            )
    kept = settings.data / "secret-key.old"
    if kept.exists() and read_key(kept) == settings.old_secret_key:
        durable_files.remove(kept)
        sys.stdout.write("The previous key is deleted; old backups still need it.\n")
    else:
        sys.stdout.write("Now unset CANALE_OLD_SECRET_KEY; old backups still need that key.\n")


def _new_identity() -> int:
    """Delete the old identity and every address bound to it, in one transaction."""
    if settings.old_secret_key:
        raise CommandError("first finish the change of the key: canale rotate-key")
    with exclusive_folder("change the push identity"), transaction.atomic():
        lost = 0
        for spec in FAN_OUTS:
            if spec.persistent_key:
                renew_persistent_key(spec.persistent_key)
                rows = Address.objects.filter(kind=spec.address_kind)
                lost += rows.count()
                rows.delete()
        audit.record("cli", "push_identity.changed")
    sys.stdout.write(
        f"There is a new push identity; {lost} subscriptions are gone. Start canale, and ask "
        "everybody to open the channel once.\n"
    )
    return 0
