# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""Telephone numbers in a text, so that a phone can dial them: emergency, green, Italian ones."""

from __future__ import annotations

import regex

# Piano nazionale di numerazione; 112 and 116117 are Europe's. ASCII digits only, which alone a
# phone can dial (RFC 3966, section 3); \d is any script's.
_SHORT = r"11[2358]|117|1515|1530|116117"
_GREEN = r"80[03][ .-]?[0-9]{3}[ .-]?[0-9]{3}"
_MOBILE = r"3[0-9]{2}[ ./-]?(?:[0-9]{6,7}|[0-9]{3} ?[0-9]{3,4}|[0-9]{2} [0-9]{2} [0-9]{3})"
# Groups are parted by spaces only, or a date would look like one: 01/12/2026, 02.12.2026.
_LANDLINE = (
    r"0(?:[26][ /-]?(?:[0-9]{6,8}|[0-9]{3,4} [0-9]{3,4})"
    r"|[1-9][0-9]{1,2}(?:[ /-]?"
    r"(?:[0-9]{5,8}|[0-9]{3} [0-9]{3,4}|[0-9]{2} [0-9]{2} [0-9]{2,3})| [0-9]{4}))"
)
_LONG = rf"{_GREEN}|(?:\+39 ?)?(?:{_MOBILE}|{_LANDLINE})"
# Signs beside digits that are no telephone number: those of prices, decimals and codes. Tax codes
# (C.F., P.IVA) have as many digits.
_BEFORE = (
    r"(?<![\p{L}\p{M}\p{N}_@#&=+€$£§]|[\p{L}\p{N}][.,:/_+\u2013-]|[€$£] |\bn[.°º] ?"
    r"|\b(?i:(?:p\.?|partita) ?iva|(?:codice|cod\.) fiscale|c\.? ?f)\W{1,2})"
)
_AFTER = r"(?![\p{L}\p{M}\p{N}_@]|[.,:/+\u2019\u2013'-]\p{N}|[-/]\p{L}| ?[€$£%°º])"
_UNITS = (
    r"(?! (?:euro|metri|m|mq|km|kg|anni|giorni|ore|minuti|posti|persone|famiglie|studenti|bambini"
    r"|alunni|iscritti|domande|voti|punti|volte|case|alberi|milioni|mila)\b)"
)
# A short number may also be that of a house, of an article, of a law.
_NO_HOUSE = (
    r"(?<!\b(?i:via|viale|vicolo|piazza|piazzale|piazzetta|corso|largo|strada|borgo|contrada)"
    r" (?:[\p{L}\p{N}.'’]{1,20} ){0,3}[\p{Lu}\p{N}][\p{L}\p{N}.'’]{0,20},? )"
    r"(?<!\b(?i:art|artt|articolo|legge|comma|decreto|civico|sala|aula|bus|linea)\.? )"
)
PHONE_NUMBER = (
    rf"{_BEFORE}(?<!\d )(?P<phone>{_LONG}|{_NO_HOUSE}(?:{_SHORT}){_UNITS})(?! \d){_AFTER}"
)
"""The pattern, in the syntax of regex.V1."""


def phone_href(written: str) -> str:
    """Return the ``tel:`` URL (RFC 3966); numbers without a country code are Italian."""
    digits = regex.sub(r"[^0-9+]", "", written)
    is_local = regex.fullmatch(rf"{_SHORT}|{_GREEN}", digits) is not None
    return f"tel:{digits}" if is_local or digits.startswith("+") else f"tel:+39{digits}"
