# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The text format: WhatsApp's own markup, read once, written for pages, feeds and notifications.

``*bold*``, ``_italic_``, ``~strike~``, monospace between three backquotes, code between one.
Lines that begin with ``- ``, ``* `` or ``1. `` are lists, with ``> `` quotes; links are found
by their form. As in WhatsApp, a mark counts only at the edge of a word and within its line.
No rendition changes a letter or a digit: the number of a line stands as it was typed. HTML alone
shows https://www.comune.example as comune.example, and what was typed as the link's title.
"""
# https://faq.whatsapp.com/539178204879377

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import groupby
from operator import itemgetter
from typing import Literal
from urllib.parse import urlsplit

import regex
from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

from canale.channel.characters import ELLIPSIS, shortened
from canale.channel.phone_numbers import PHONE_NUMBER, phone_href

BlockKind = Literal["paragraph", "bullets", "numbers", "quote", "code"]


@dataclass(frozen=True, slots=True)
class Text:
    """Plain characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """A link as it was written, with its target."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Span:
    """A marked run; ``tag`` is HTML's name for it."""

    tag: Literal["strong", "em", "s", "code"]
    inner: tuple[Inline, ...]


Inline = Text | Link | Span


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one kind that stand together."""

    kind: BlockKind
    lines: tuple[tuple[Inline, ...], ...]


_FENCE = regex.compile(r"```(.+?)```", regex.DOTALL)
# Word pastes a tab or a no-break space after a bullet or a number. Its bullets are a middle dot or
# characters of the fonts Symbol and Wingdings, which no phone can draw; on the second level, an o.
_BULLET = regex.compile(r"^(?:[-*•·\uf0b7]\s|[o§\uf0a7\uf0d8]\t)\s*(.*)$")
_NUMBER = regex.compile(r"^(\d{1,3}[.)])\s+(.*)$")
# ">65 anni" and "> 100 posti" say "more than", which a quotation would lose.
_QUOTE = regex.compile(r"^>(?:\s+(?![\d€$])(.*))?$")
# ASCII, and letters of any script: other signs and quotation marks belong to the sentence around.
# Format characters are typed by nobody; they stay in what is shown and out of the address. No
# backslash: browsers read it as a slash, and we would show another host than they open.
# A zero-width space ends an address, unless it is there for lines to break after a sign.
_IN_ADDRESS = (
    r"""(?:[[!-~\p{L}\p{M}\p{N}\p{Cf}]--[<>"\\\u200b]]|(?<=[./?&=#_-])\u200b(?=[A-Za-z0-9]))"""
)
_APOSTROPHE = r"(?<=[\p{L}\p{N}])[\u2019\u00b7](?=[\p{L}\p{N}])"
_SCHEME = r"[Hh][Tt][Tt][Pp][Ss]?://"
_WWW = r"[Ww]{3}\."
_NEXT_ADDRESS = rf"[,;|(](?:{_SCHEME}|{_WWW})"
_LABEL = r"[\p{L}\p{N}](?:[\p{L}\p{M}\p{N}-]{0,61}[\p{L}\p{M}\p{N}])?"
_FORMAT = r"[\p{Cf}--\u200b]{0,4}"
# The whole address or none. After an apostrophe it begins only if a word was shortened before it
# (dell'ufficio@…): d'amico@… and o'brien@… are names.
_NO_PART = (
    r"(?<![\p{L}\p{M}\p{N}_.+&@-])(?=[\p{L}\p{M}\p{N}_.+-]{1,64}+@)"
    rf"(?<![\p{{L}}\p{{M}}\p{{N}}_.+&@-]{_FORMAT})"
    r"(?<!(?<=[\p{L}\p{M}\p{N}])(?<!(?<![\p{L}\p{N}_.+-])(?:[Uu][Nn]|\p{L}{0,4}[Ll]))['\u2019])"
)
_LINK = regex.compile(
    rf"(?P<web>(?:{_SCHEME}|(?<![\p{{L}}\p{{M}}\p{{N}}]){_WWW})"
    rf"(?:(?!{_NEXT_ADDRESS})(?:{_IN_ADDRESS}|{_APOSTROPHE}))++)"
    rf"|{_NO_PART}(?P<mail>[\p{{L}}\p{{M}}\p{{N}}_.+-]{{1,64}}+@(?:{_LABEL}\.){{1,8}}"
    rf"\p{{L}}[\p{{L}}\p{{M}}\p{{N}}-]{{0,61}}[\p{{L}}\p{{M}}\p{{N}}])"
    rf"(?!{_FORMAT}[.-]?{_FORMAT}[\p{{L}}\p{{N}}]|[\p{{M}}@])"
    rf"|{PHONE_NUMBER}",
    regex.V1,
)
_NO_PAGE = ("mailto:", "tel:")
# A site without a page of it: its name is shown without what browsers hide, too.
_HOST_ALONE = regex.compile(rf"(?:{_SCHEME})?(?:{_WWW}(?=[^./]+\.))?([^/?#:]+)/?")
# A bullet or a number of whose line a cut left nothing.
_BARE_MARKER = regex.compile(rf"\n(?:•|«|\d{{1,3}}[.)]?){ELLIPSIS}$")
_TAGS: dict[str, Literal["strong", "em", "s", "code"]] = {
    "*": "strong",
    "_": "em",
    "~": "s",
    "`": "code",
}
_ANY_MARK = regex.compile(r"[*_~`]")
# Scripts that put no space between words: there a mark always stands beside letters.
_UNSPACED = (
    r"[\p{Script=Han}\p{Script=Hiragana}\p{Script=Katakana}"
    r"\p{Script=Thai}\p{Script=Lao}\p{Script=Khmer}\p{Script=Myanmar}]"
)
# The letters of a word. Cs: the placeholder of a link. Superscripts (No) are footnotes and powers.
_LETTER = rf"[[\p{{L}}\p{{Nd}}\p{{Nl}}\p{{Cs}}]--{_UNSPACED}]"
# Neither joins nor parts words, nor does a character that Unicode has not assigned (Cn): what
# stands beyond it decides. These are the tables of `regex`, which are newer than Python's.
_UNSEEN = r"[\p{Cf}\p{Cn}]"
_WORD_BEGINS = regex.compile(rf"{_UNSEEN}*+(?:\p{{M}}|{_LETTER})", regex.V1)
_LETTER_BEFORE = regex.compile(_LETTER, regex.V1)
# Me makes an emoji of a digit.
_BEYOND = regex.compile(rf"{_UNSEEN}|\p{{Mn}}|\p{{Mc}}", regex.V1)
MAX_STYLED = 1_000
_TRAILING = ".,;:!?|'\"*_~`"
_CLOSING = {")": "(", "]": "[", "}": "{"}
# Surrogates stand for links: no accepted text contains any.
_FIRST_PLACEHOLDER = 0xD800
MAX_LINKS = 1_000
_PLACEHOLDER = regex.compile(
    f"([{chr(_FIRST_PLACEHOLDER)}-{chr(_FIRST_PLACEHOLDER + MAX_LINKS - 1)}])"
)
# HTML before, between and after the lines of a block. Each paragraph and line of a list runs in the
# direction of its own words. Not <ol>, which numbers its lines from one: see docs/decisions/0035.
_HTML: dict[BlockKind, tuple[str, str, str]] = {
    "bullets": ('<ul><li dir="auto">', '</li><li dir="auto">', "</li></ul>"),
    "numbers": (
        '<div role="list"><div role="listitem" dir="auto">',
        '</div><div role="listitem" dir="auto">',
        "</div></div>",
    ),
    "quote": ('<blockquote dir="auto"><p>', "<br>", "</p></blockquote>"),
    "code": ('<pre dir="auto"><code>', "", "</code></pre>"),
    "paragraph": ('<p dir="auto">', "<br>", "</p>"),
}
_PLAIN: dict[BlockKind, str] = {"bullets": "• {}", "quote": "«{}»"}


def parse(text: str) -> tuple[Block, ...]:
    """Return the blocks in their order. Any text is valid: what is no markup is plain text."""
    text = "\n".join(text.splitlines()).strip("\n")
    blocks: list[Block] = []
    position = 0
    for fence in _FENCE.finditer(text):
        blocks += _line_blocks(text[position : fence.start()])
        blocks.append(Block("code", ((Text(fence[1].strip("\n")),),)))
        position = fence.end()
    return (*blocks, *_line_blocks(text[position:]))


def _line_blocks(text: str) -> Iterator[Block]:
    for kind, group in groupby(map(_kind, text.split("\n")), key=itemgetter(0)):
        if kind is not None:
            yield Block(kind, tuple((*number, *_inlines(rest)) for _, number, rest in group))


def _kind(line: str) -> tuple[BlockKind | None, tuple[Text, ...], str]:
    """The kind of a line, its number as it was typed, and the rest; None for an empty line."""
    stripped = line.strip()
    if not stripped:
        return None, (), ""
    if bullet := _BULLET.match(stripped):
        return "bullets", (), bullet[1]
    if number := _NUMBER.match(stripped):
        return "numbers", (Text(f"{number[1]} "),), number[2]
    if quote := _QUOTE.match(stripped):
        return "quote", (), quote[1] or ""
    return "paragraph", (), stripped


def _inlines(text: str) -> Iterator[Inline]:
    """Replace links by placeholders before looking for marks.

    An underscore within an address is no mark, and marks may stand around a link.
    """
    links: list[Link] = []

    def placeholder(match: regex.Match[str]) -> str:
        written = _without_trailing(match[0])
        is_phone = match["phone"] is not None
        href = phone_href(written) if is_phone else _href(written, is_mail=bool(match["mail"]))
        if href is None or len(links) >= MAX_LINKS:
            return match[0]
        links.append(Link(written, href))
        return chr(_FIRST_PLACEHOLDER + len(links) - 1) + match[0][len(written) :]

    yield from _with_links(_styled(_LINK.sub(placeholder, _PLACEHOLDER.sub("", text))), links)


def _with_links(inlines: Iterable[Inline], links: Sequence[Link]) -> Iterator[Inline]:
    for inline in inlines:
        match inline:
            case Span("code", (Text(text),)):
                whole = _PLACEHOLDER.sub(lambda match: _link(match[0], links).text, text)
                yield Span("code", (Text(whole),))
            case Span(tag, inner):
                yield Span(tag, tuple(_with_links(inner, links)))
            case Text(text):
                for part in filter(None, _PLACEHOLDER.split(text)):
                    yield _link(part, links) if _PLACEHOLDER.match(part) else Text(part)
            case Link():
                yield inline


def _link(placeholder: str, links: Sequence[Link]) -> Link:
    return links[ord(placeholder) - _FIRST_PLACEHOLDER]


def _without_trailing(written: str) -> str:
    """Strip the punctuation of a sentence that ends with the link."""
    while written:
        last = written[-1]
        opening = _CLOSING.get(last)
        unmatched = opening is not None and written.count(last) > written.count(opening)
        if last not in _TRAILING and not unmatched and unicodedata.category(last) != "Cf":
            break
        written = written[:-1]
    return written


def _href(written: str, *, is_mail: bool) -> str | None:
    if is_mail:
        return f"mailto:{written}"
    address = "".join(char for char in written if unicodedata.category(char) != "Cf")
    if not address.lower().startswith(("http://", "https://")):
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        labels = (parts.hostname or "").split(".")
        has_wrong_port = parts.port is None and parts.netloc.endswith(":")
    except ValueError:
        return None
    is_complete = len(labels) > 1 and all(labels) and not has_wrong_port
    return address if is_complete and parts.username is None else None


def _styled(text: str, *, depth: int = 4) -> Iterator[Inline]:
    position = 0
    for mark in _ANY_MARK.finditer(text) if depth else ():
        start = mark.start()
        end = text.find(mark[0], start + 1, start + MAX_STYLED + 2)
        # Not within the last pair, nor before an empty one.
        is_pair = start >= position and end > start + 1
        if not (is_pair and _opens(text, start) and _closes(text, end)):
            continue
        if start > position:
            yield Text(text[position:start])
        tag, content = _TAGS[text[start]], text[start + 1 : end]
        inner = (Text(content),) if tag == "code" else tuple(_styled(content, depth=depth - 1))
        yield Span(tag, inner)
        position = end + 1
    if position < len(text):
        yield Text(text[position:])


def _opens(text: str, mark: int) -> bool:
    """A mark opens where no word ends, before anything but white space or a closing bracket."""
    following = text[mark + 1]
    # The asterisk of a keycap emoji; a footnote's, as in (*).
    if following.isspace() or unicodedata.category(following) in {"Mn", "Me", "Mc", "Pe"}:
        return False
    if not mark:
        return True
    before = text[mark - 1]
    is_opening = before.isspace() or unicodedata.category(before) in {"Ps", "Pi"}
    # %, €, an emoji, a full stop: it stands close to the word before it.
    is_sign = not is_opening and before not in _TAGS
    category = unicodedata.category(following)
    ends_clause = following not in _TAGS and category in {"Pe", "Pf", "Po", "Pd"}
    # @_name_ and #_name_ are names. 10€*/20€* has two footnotes.
    return before not in "@#" and not (is_sign and ends_clause) and not _word_ends(text, mark)


def _word_ends(text: str, end: int) -> bool:
    """True if a letter or a digit, with its accents, stands before this place."""
    for position in range(end - 1, -1, -1):
        if not _BEYOND.match(text[position]):
            return _LETTER_BEFORE.match(text[position]) is not None
    return False


def _closes(text: str, mark: int) -> bool:
    """A mark closes after anything but white space or an opening bracket, where no word begins."""
    before = text[mark - 1]
    if before.isspace() or unicodedata.category(before) == "Ps":
        return False
    return _WORD_BEGINS.match(text, mark + 1) is None


def render_html(text: str) -> SafeString:
    """HTML of paragraphs, lists, quotes. Everything that a person wrote is escaped."""
    html = ""
    for block in parse(text):
        before, between, after = _HTML[block.kind]
        html += before + between.join("".join(map(_html, line)) for line in block.lines) + after
    return mark_safe(html)  # noqa: S308


def _html(inline: Inline) -> str:
    match inline:
        case Text(text):
            return escape(text)
        case Link(text, href):
            host = _HOST_ALONE.fullmatch(text) if not href.startswith(_NO_PAGE) else None
            title = f' title="{escape(text)}"' if host else ""
            shown = escape(host[1] if host else text)
            # No `nofollow`: these are the city's own links, not strangers'.
            # Within Arabic words, the groups of a number would stand in the wrong order.
            direction = ' dir="ltr"' if href.startswith("tel:") else ""
            return f'<a href="{escape(href)}" rel="noopener"{title}{direction}>{shown}</a>'
        case Span(tag, inner):
            return f"<{tag}>" + "".join(_html(part) for part in inner) + f"</{tag}>"


def first_link(text: str) -> str | None:
    """Return the target of the first link to a web page, None without one."""
    lines = (line for block in parse(text) for line in block.lines)
    links = (link for line in lines for link in _links(line) if not link.startswith(_NO_PAGE))
    return next(links, None)


def _links(inlines: Iterable[Inline]) -> Iterator[str]:
    for inline in inlines:
        match inline:
            case Link(_, href):
                yield href
            case Span(_, inner):
                yield from _links(inner)
            case _:
                pass


def render_plain(text: str) -> str:
    """The words without marks; lists have bullets or their numbers, links their addresses."""
    return "\n".join(
        _PLAIN.get(block.kind, "{}").format("".join(map(_plain, line)))
        for block in parse(text)
        for line in block.lines
    )


def _plain(inline: Inline) -> str:
    match inline:
        case Text(text) | Link(text, _):
            return text
        case Span(_, inner):
            return "".join(_plain(part) for part in inner)


def excerpt(text: str, length: int) -> str:
    """One line of at most ``length`` characters, cut between words with an ellipsis."""
    return shortened(" ".join(render_plain(text).split()), length)


def opening(text: str, length: int) -> str:
    """The first lines with their bullets and numbers: at most ``length`` characters, cut between
    words with an ellipsis."""
    return _BARE_MARKER.sub(ELLIPSIS, shortened(render_plain(text), length))
