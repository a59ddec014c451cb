# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""What an editor may write, and what would mislead readers or break their pages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta, timezone

import pytest

from canale.channel.models import Channel
from canale.publishing.wording import PostRefused, Wording, check, printable

EDGES = (
    datetime(9999, 12, 31, 23, 59, tzinfo=UTC),
    datetime(9999, 12, 31, 23, 59, tzinfo=timezone(timedelta(hours=-23))),
    datetime(1, 1, 1, tzinfo=timezone(timedelta(hours=23))),
    datetime(26, 12, 1, tzinfo=UTC),
)


@pytest.mark.django_db
@pytest.mark.parametrize("moment", EDGES)
@pytest.mark.parametrize("field", ["starts_at", "ends_at"])
def test_a_moment_at_the_end_of_the_calendar_is_refused(moment: datetime, field: str) -> None:
    """One such post and the whole channel's page could not be rendered."""
    channel = Channel.objects.create(handle="cremona", name="Cremona")
    start = datetime(2026, 12, 1, tzinfo=UTC)
    wording = Wording(kind="event", headline="Fiera", text="", starts_at=start)
    at_start = field == "starts_at"
    edge = replace(wording, starts_at=moment) if at_start else replace(wording, ends_at=moment)
    with pytest.raises(PostRefused) as refused:
        check(channel, edge)
    assert refused.value.errors.keys() == {field}


@pytest.mark.parametrize("number", [*range(0x202A, 0x202F), *range(0x2066, 0x206A)])
def test_no_sign_turns_a_line_around(number: int) -> None:
    assert printable(f"https://comune.it/{chr(number)}moc.live") == "https://comune.it/moc.live"


def test_right_to_left_marks_stay() -> None:
    arabic = "\u0625\u0646\u0630\u0627\u0631 \u200f(1)\u200e"
    assert printable(arabic) == arabic
