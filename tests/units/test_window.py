# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""How far a worker reads ahead."""

from __future__ import annotations

from canale.delivery.window import CHUNK_ADDRESSES, REPEAT_ADDRESSES, REPEAT_CHUNK, lanes


def test_an_alert_has_room_behind_a_full_window_of_others() -> None:
    alerts, others = lanes([(False, False, CHUNK_ADDRESSES)] * 2)
    assert (alerts.takes_batches, alerts.takes_repeats) == (True, True)
    assert (others.takes_batches, others.takes_repeats) == (False, False)


def test_a_window_holds_two_chunks() -> None:
    assert lanes([(False, False, CHUNK_ADDRESSES)]).others.takes_batches
    assert not lanes([(False, False, CHUNK_ADDRESSES), (False, False, 1)]).others.takes_batches


def test_repeats_take_no_more_than_their_part_of_it() -> None:
    full = [(True, True, REPEAT_CHUNK)] * (REPEAT_ADDRESSES // REPEAT_CHUNK)
    alerts, others = lanes(full)
    assert (alerts.takes_batches, alerts.takes_repeats) == (True, False)
    assert (others.takes_batches, others.takes_repeats) == (True, True)
    # Nor more than the window has left.
    assert not lanes([(True, False, 2 * CHUNK_ADDRESSES)]).alerts.takes_repeats
