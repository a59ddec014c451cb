# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Events on the wire, and clients told apart without their addresses."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from canale.live.clients import salted_key
from canale.live.encoding import encode_reconnect, encode_sse


def test_event_has_type_id_and_one_data_line() -> None:
    assert encode_sse(17, "post", '{"post":"a"}') == b'event: post\nid: 17\ndata: {"post":"a"}\n\n'


@given(st.dictionaries(st.text(), st.text()), st.integers(1, 2**62))
def test_any_json_is_encoded_as_one_event(data: dict[str, str], number: int) -> None:
    for ascii_only in (True, False):
        line = json.dumps(data, ensure_ascii=ascii_only)
        try:
            line.encode()
        except UnicodeEncodeError:
            continue
        block = encode_sse(number, "correction", line)
        assert block.count(b"\n") == 4
        assert json.loads(block.split(b"data: ", 1)[1]) == data


@pytest.mark.parametrize("data", ["{\n}", b"{}\r"])
def test_line_break_in_event_data_is_refused(data: str | bytes) -> None:
    with pytest.raises(ValueError, match="one line"):
        encode_sse(1, "post", data)


def test_event_id_is_positive() -> None:
    with pytest.raises(ValueError, match="1 or more, not 0"):
        encode_sse(0, "post", "{}")


def test_readers_get_different_reconnect_delays() -> None:
    waits = {int(encode_reconnect().removeprefix(b"retry: ")) for _ in range(200)}
    assert len(waits) > 100
    assert min(waits) >= 1000
    assert max(waits) <= 6000


def test_client_is_one_ipv4_address_or_one_ipv6_network() -> None:
    key = salted_key()
    assert key("192.0.2.1") == key("192.0.2.1") != key("192.0.2.2")
    assert key("2001:db8::1") == key("2001:db8:0:ffff::1") != key("2001:db8:1::1")
    assert key("::ffff:192.0.2.1") == key("192.0.2.1")
    assert key("unix:somebody") != key("unix:else")


def test_client_key_differs_between_processes() -> None:
    assert salted_key()("192.0.2.1") != salted_key()("192.0.2.1")
    assert b"192" not in salted_key()("192.0.2.1")
