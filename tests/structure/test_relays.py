# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Every relay is a folder of its own, says what its far end can do, and explains refusals."""

from __future__ import annotations

import pytest
from django.utils import translation

from canale.delivery.transports import webhook
from canale.delivery.transports.base import Outcome
from canale.delivery.transports.registry import RELAYS, RelaySpec
from canale.delivery.transports.relays import Capabilities
from canale.delivery.transports.webhook.codes import CLASSES, CODES
from tests.structure.repository import ROOT

EVERY_RELAY = pytest.mark.parametrize("spec", RELAYS, ids=lambda spec: spec.name)


@EVERY_RELAY
def test_relay_has_a_folder_and_a_row_of_capabilities(spec: RelaySpec[object]) -> None:
    assert (ROOT / "canale/delivery/transports" / spec.name / "__init__.py").is_file()
    assert isinstance(spec.capabilities, Capabilities)
    assert set(spec.required_options) <= set(spec.options)


@EVERY_RELAY
def test_refusals_are_explained_in_both_languages(spec: RelaySpec[object]) -> None:
    for explanation in spec.refusals.values():
        said = []
        for language in ("en", "it"):
            with translation.override(language):
                said.append((str(explanation.problem), str(explanation.action)))
        (english, action), (italian, azione) = said
        assert all((english, action, italian, azione))
        assert english != italian


def test_every_final_answer_to_a_webhook_is_explained() -> None:
    final = {Outcome.REJECTED, Outcome.GONE}
    codes = {code for rules in (CODES, CLASSES) for code in rules if rules[code].outcome in final}
    assert codes == {410, 3, 4}
    assert {str(code) for code in codes} <= webhook.REFUSALS.keys()
