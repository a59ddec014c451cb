# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far a worker reads ahead."""

from __future__ import annotations

from canale.delivery.window import CHUNK_ADDRESSES, RETRY_ADDRESSES, RETRY_CHUNK, window_of


def test_alert_fits_beside_a_full_window_of_normal_posts() -> None:
    alerts, normal = window_of([(False, False, CHUNK_ADDRESSES)] * 2)
    assert (alerts.has_room_for_batch, alerts.has_room_for_retries) == (True, True)
    assert (normal.has_room_for_batch, normal.has_room_for_retries) == (False, False)


def test_a_window_holds_two_chunks() -> None:
    assert window_of([(False, False, CHUNK_ADDRESSES)]).normal.has_room_for_batch
    more = window_of([(False, False, CHUNK_ADDRESSES), (False, False, 1)])
    assert not more.normal.has_room_for_batch


def test_retries_take_no_more_than_their_share_of_the_window() -> None:
    full = [(True, True, RETRY_CHUNK)] * (RETRY_ADDRESSES // RETRY_CHUNK)
    alerts, normal = window_of(full)
    assert (alerts.has_room_for_batch, alerts.has_room_for_retries) == (True, False)
    assert (normal.has_room_for_batch, normal.has_room_for_retries) == (True, True)
    # Nor more than the window has left.
    assert not window_of([(True, False, 2 * CHUNK_ADDRESSES)]).alerts.has_room_for_retries
