# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far a worker reads ahead."""

from __future__ import annotations

from canale.delivery.window import CHUNK_ADDRESSES, REPEAT_ADDRESSES, REPEAT_CHUNK, window_of


def test_an_alert_has_room_behind_a_full_window_of_others() -> None:
    alerts, normal = window_of([(False, False, CHUNK_ADDRESSES)] * 2)
    assert (alerts.takes_batches, alerts.takes_repeats) == (True, True)
    assert (normal.takes_batches, normal.takes_repeats) == (False, False)


def test_a_window_holds_two_chunks() -> None:
    assert window_of([(False, False, CHUNK_ADDRESSES)]).normal.takes_batches
    assert not window_of([(False, False, CHUNK_ADDRESSES), (False, False, 1)]).normal.takes_batches


def test_repeats_take_no_more_than_their_part_of_it() -> None:
    full = [(True, True, REPEAT_CHUNK)] * (REPEAT_ADDRESSES // REPEAT_CHUNK)
    alerts, normal = window_of(full)
    assert (alerts.takes_batches, alerts.takes_repeats) == (True, False)
    assert (normal.takes_batches, normal.takes_repeats) == (True, True)
    # Nor more than the window has left.
    assert not window_of([(True, False, 2 * CHUNK_ADDRESSES)]).alerts.takes_repeats
