# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""A time is read by one rule at every door, and refused rather than misunderstood."""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from typing import Any
from zoneinfo import ZoneInfo

import pytest
from django.core.exceptions import ValidationError
from django.http import QueryDict
from django.utils import timezone, translation
from hypothesis import given, settings
from hypothesis import strategies as st

from canale.channel.models import Channel
from canale.channel.moments import MomentError, Written, end_of, read, times_of
from canale.newsroom.forms import PostForm
from canale.newsroom.moment_field import MomentField
from canale.publishing.content import Content, PostRefusedError, check, read_times

ROME = ZoneInfo("Europe/Rome")
ZONES = ("Europe/Rome", "Africa/Cairo", "America/Havana", "Australia/Lord_Howe", "UTC")
LOCAL = st.datetimes(
    datetime.fromisoformat("2000-01-01"), datetime.fromisoformat("2100-12-31")
).map(lambda moment: moment.replace(second=0, microsecond=0))
# Nights on which clocks go forward or back, so that they are tried every time.
NIGHTS = st.sampled_from(
    ["2027-03-28", "2027-10-31", "2027-04-30", "2027-10-28T22:00", "2027-03-14", "2027-11-07",
     "2027-10-03", "2027-04-04"]
).map(datetime.fromisoformat)  # fmt: skip
NEAR = st.builds(
    lambda night, minutes: night + timedelta(minutes=minutes), NIGHTS, st.integers(0, 240)
)


def form_of(start: str, hour: str = "", stored: Written | None = None) -> Written | str | None:
    """The time that the newsroom's field reads, or its refusal."""
    field = MomentField("")
    field.stored = stored
    sent = QueryDict(mutable=True)
    sent.update({"starts_at": start, "starts_at_time": hour})
    try:
        found: Written | None = field.clean(field.widget.value_from_datadict(sent, {}, "starts_at"))
    except ValidationError as refused:
        return str(refused.messages[0])
    return found


def program_of(text: str) -> Written | str | None:
    """Parse a time as the API and the command line do."""
    try:
        return read_times({"starts_at": text})["starts_at"]
    except PostRefusedError as refused:
        return refused.errors["starts_at"][0]


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("2026-12-16", date(2026, 12, 16)),
        (" 2026-12-16T18:00 ", datetime(2026, 12, 16, 17, tzinfo=UTC)),
        ("2026-12-16 18:00", datetime(2026, 12, 16, 17, tzinfo=UTC)),
        ("2026-12-16T18:00:30.5", datetime(2026, 12, 16, 17, 0, 30, 500_000, UTC)),
        ("2026-12-16T18:00:30.1234567+01:00", datetime(2026, 12, 16, 17, 0, 30, 123_456, UTC)),
        ("2026-12-16T17:00:30.500000000Z", datetime(2026, 12, 16, 17, 0, 30, 500_000, UTC)),
        ("2026-12-16 18:00:00+01", datetime(2026, 12, 16, 17, tzinfo=UTC)),
        ("2026-12-16t18:00z", datetime(2026, 12, 16, 18, tzinfo=UTC)),
        ("2026-12-16T18:00+0530", datetime(2026, 12, 16, 12, 30, tzinfo=UTC)),
        # An offset says which of the two is meant.
        ("2027-10-31T02:30+02:00", datetime(2027, 10, 31, 0, 30, tzinfo=UTC)),
        ("2027-10-31T02:30+01:00", datetime(2027, 10, 31, 1, 30, tzinfo=UTC)),
    ],
)
def test_times_are_parsed_as_people_write_them(text: str, meant: Written) -> None:
    assert read(text) == meant


@pytest.mark.parametrize(
    "text",
    [
        "20270501", "2027-W10-1", "01/05/2027", "1.5.2027", "2027-5-1", "2027-02-30", "27-05-01",
        "2027-05-01T", "2027-05-01T18", "2027-05-01T1800", "2027-05-01T24:00", "2027-05-01T18:60",
        "2027-05-01T18:00+25:00", "2027-05-01T18:00+01:60", "2027-05-01T18:00 Europe/Rome",
        "domani", "", "1800000000",
        "٢٠٢٧-٠٥-٠١", "２０２７-05-01", "2027-05-01T١٨:00", "2027-001", "+2027-05-01", "9" * 5000,
    ],
)  # fmt: skip
def test_other_formats_are_refused_with_help(text: str) -> None:
    with pytest.raises(MomentError, match="2026-12-24T18:00"):
        read(text)


@pytest.mark.parametrize("text", ["1999-12-31", "2101-01-01T00:00", "0001-01-01", "9999-12-31"])
def test_years_out_of_reach_are_refused(text: str) -> None:
    with pytest.raises(MomentError, match="anno"):
        read(text)


def test_skipped_and_repeated_hours_are_refused_with_both_choices() -> None:
    with pytest.raises(MomentError, match=r"scrivi 01:30 o 03:30"):
        read("2027-03-28T02:30")
    with pytest.raises(MomentError, match=r"2027-10-31T02:30\+02:00 o 2027-10-31T02:30\+01:00"):
        read("2027-10-31T02:30")


@settings(max_examples=60, deadline=None)
@given(LOCAL | NEAR, st.sampled_from(ZONES), st.booleans())
def test_form_and_api_parse_a_time_identically(local: datetime, zone: str, with_hour: bool) -> None:
    day, hour = f"{local:%Y-%m-%d}", f"{local:%H:%M}" if with_hour else ""
    text = f"{day}T{hour}" if hour else day
    with timezone.override(zone), translation.override("it"):
        by_program = program_of(text)
        assert form_of(day, hour) == form_of(text) == by_program
        if isinstance(by_program, datetime):
            back = timezone.localtime(by_program.astimezone(UTC))
            assert back.replace(tzinfo=None) == local


@settings(max_examples=60, deadline=None)
@given(LOCAL | NEAR, st.sampled_from(ZONES))
def test_stored_time_survives_a_round_trip_through_the_form(local: datetime, zone: str) -> None:
    """Also in an hour that comes twice, and to the second."""
    stored = local.replace(tzinfo=UTC, second=7)
    with timezone.override(zone):
        shown = MomentField("").prepare_value(stored)
        assert form_of(*shown, stored=stored) == stored
        assert form_of(*MomentField("").prepare_value(local.date()), stored=None) == local.date()


@settings(max_examples=40, deadline=None)
@given(LOCAL | NEAR, st.sampled_from(ZONES))
def test_date_without_a_time_is_within_that_day(local: datetime, zone: str) -> None:
    day = local.date()
    with timezone.override(zone):
        event = times_of("event", day, day)
        deadline = times_of("deadline", day, None)
        assert event.starts_at
        assert event.ends_at == deadline.starts_at
        assert deadline.starts_at
        for moment in (event.starts_at, deadline.starts_at):
            assert timezone.localtime(moment.astimezone(UTC)).date() == day
        assert event.starts_at < deadline.starts_at < end_of(day)
        assert f"{deadline.starts_at:%H:%M}" == "23:59"


def test_end_equal_to_the_start_is_dropped() -> None:
    start = datetime(2027, 5, 1, 19, tzinfo=UTC)
    assert times_of("event", start, start.astimezone(ROME)).ends_at is None
    assert times_of("alert", start, start).ends_at is None
    seconds = timedelta(seconds=40)
    assert times_of("event", start + seconds / 2, start + seconds).ends_at is None
    # The same hour on the clock, an hour later.
    twice = [datetime(2027, 10, 31, 2, 30, tzinfo=ROME, fold=fold) for fold in (0, 1)]
    assert times_of("event", *twice).ends_at == twice[1]


@pytest.fixture
def city(db: None) -> Channel:
    return Channel.objects.create(handle="cremona", name="Cremona")


def times(city: Channel, kind: str, start: Written | None, end: Written | None) -> Any:
    try:
        return check(city, Content(kind, "Fiera", "", starts_at=start, ends_at=end)).times
    except PostRefusedError as refused:
        return refused.errors


def test_end_before_the_start_is_refused(city: Channel) -> None:
    first, second = date(2027, 5, 1), date(2027, 5, 2)
    noon = datetime(2027, 5, 1, 12, tzinfo=ROME)
    assert times(city, "event", second, first).keys() == {"ends_at"}
    assert times(city, "event", noon, noon - timedelta(hours=1)).keys() == {"ends_at"}
    assert times(city, "event", noon, first).ends_on == first
    assert times(city, "event", first, first).starts_on == first
    assert times(city, "event", first, noon).keys() == {"starts_at"}
    assert times(city, "service", first, noon).ends_at == noon


def test_form_keeps_fields_that_the_kind_does_not_show(city: Channel) -> None:
    """A program gave a service its place."""
    stored = {"kind": "service", "place": "Via Dante"}
    sent = QueryDict(mutable=True)
    sent.update({"kind": "service", "headline": "Chiusa", "place": ""})
    form = PostForm(city, sent, initial=stored)
    assert form.is_valid()
    assert form.content(()).place == "Via Dante"
    sent["kind"] = "news"
    form = PostForm(city, sent, initial=stored)
    assert form.is_valid()
    assert form.content(()).place == ""


def test_time_without_a_date_is_not_lost() -> None:
    assert form_of("", "18:00") == "Indica anche il giorno."
