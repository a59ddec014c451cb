# SPDX-FileCopyrightText: 2026 The canale authors
# SPDX-License-Identifier: AGPL-3.0-or-later
"""The text format: WhatsApp's own markup, read once, written for pages, feeds and notifications.

``*bold*``, ``_italic_``, ``~strike~``, monospace between three backquotes, code between one.
Lines that begin with ``- ``, ``* `` or ``1. `` are lists, with ``> `` quotes; links are found
by themselves. As in WhatsApp, a mark counts only at the edge of a word and within its line.
"""
# https://faq.whatsapp.com/539178204879377

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal
from urllib.parse import urlsplit

from django.utils.html import escape
from django.utils.safestring import SafeString, mark_safe

BlockKind = Literal["paragraph", "bullets", "numbers", "quote", "code"]


@dataclass(frozen=True, slots=True)
class Words:
    """Plain characters."""

    text: str


@dataclass(frozen=True, slots=True)
class Link:
    """What was written, and where it leads."""

    text: str
    href: str


@dataclass(frozen=True, slots=True)
class Styled:
    """A marked run; ``tag`` is HTML's name for it."""

    tag: Literal["strong", "em", "s", "code"]
    inner: tuple[Inline, ...]


Inline = Words | Link | Styled


@dataclass(frozen=True, slots=True)
class Block:
    """Lines of one kind that stand together."""

    kind: BlockKind
    lines: tuple[tuple[Inline, ...], ...]
    first: int = 1
    """Of a numbered list: its first number."""


_FENCE = re.compile(r"```(.+?)```", re.DOTALL)
_BULLET = re.compile(r"^[-*•] +(.*)$")
_NUMBER = re.compile(r"^(\d{1,3})[.)] +(.*)$")
_QUOTE = re.compile(r"^> ?(.*)$")
_LINK = re.compile(
    # No backslash: browsers read it as a slash, and we would show another host than they open.
    r"(?P<web>(?:https?://|www\.)[^\s<>\"\\]+)"
    r"|(?P<mail>(?<![\w.+-])[\w.+-]{1,64}@[a-z0-9-]{1,63}(?:\.[a-z0-9-]{1,63}){1,4})",
    re.IGNORECASE,
)
_TAGS: dict[str, Literal["strong", "em", "s", "code"]] = {
    "*": "strong",
    "_": "em",
    "~": "s",
    "`": "code",
}
# A mark opens after white space, a bracket or another mark, and closes before white space or
# punctuation. What it holds neither begins nor ends with white space.
_BEFORE = r"(?<![^\s(\[{«“\"'*_~])"
_AFTER = r"(?![^\s.,;:!?)\]}»”\"'*_~…])"
_STYLED = {
    mark: re.compile(
        rf"{_BEFORE}{re.escape(mark)}"
        rf"(?=\S)([^{re.escape(mark)}\n]{{1,1000}}?)(?<=\S){re.escape(mark)}{_AFTER}"
    )
    for mark in _TAGS
}
_ANY_MARK = re.compile(r"[*_~`]")
_TRAILING = ".,;:!?'\"»”…*_~`"
# Characters of the private use area (Unicode, section 23.5): nobody's text means anything by them.
_PRIVATE_USE = 0xE000
MOST_LINKS = 1_000
_HELD = re.compile(f"[{chr(_PRIVATE_USE)}-{chr(_PRIVATE_USE + MOST_LINKS - 1)}]")


def parse(text: str) -> tuple[Block, ...]:
    """Blocks in their order. Any text is valid: what is no markup is words."""
    return tuple(_blocks(text.replace("\r\n", "\n").strip("\n")))


def _blocks(text: str) -> Iterator[Block]:
    position = 0
    for fence in _FENCE.finditer(text):
        yield from _line_blocks(text[position : fence.start()])
        yield Block("code", ((Words(fence[1].strip("\n")),),))
        position = fence.end()
    yield from _line_blocks(text[position:])


def _line_blocks(text: str) -> Iterator[Block]:
    kind: BlockKind | None = None
    lines: list[tuple[Inline, ...]] = []
    first = 1
    for line in text.split("\n"):
        found, content, number = _kind(line)
        if lines and kind is not None and found != kind:
            yield Block(kind, tuple(lines), first)
            lines = []
        if found is not None:
            if not lines:
                first = number
            lines.append(tuple(_inlines(content)))
        kind = found
    if lines and kind is not None:
        yield Block(kind, tuple(lines), first)


def _kind(line: str) -> tuple[BlockKind | None, str, int]:
    """The kind of a line, what it says, its number; None for an empty line."""
    stripped = line.strip()
    if not stripped:
        return None, "", 1
    if bullet := _BULLET.match(stripped):
        return "bullets", bullet[1], 1
    if number := _NUMBER.match(stripped):
        return "numbers", number[2], int(number[1])
    if quote := _QUOTE.match(stripped):
        return "quote", quote[1], 1
    return "paragraph", stripped, 1


def _inlines(text: str) -> Iterator[Inline]:
    """Links first, each held by one character of no meaning: an underscore within an address is
    no mark, and marks may stand around a link."""
    links: list[Link] = []

    def held(found: re.Match[str]) -> str:
        written = _without_trailing(found[0])
        href = _href(written, is_mail=found["mail"] is not None)
        if href is None or len(links) >= MOST_LINKS:
            return found[0]
        links.append(Link(written, href))
        return chr(_PRIVATE_USE + len(links) - 1) + found[0][len(written) :]

    yield from _with_links(_styled(_LINK.sub(held, _HELD.sub("", text))), links)


def _with_links(inlines: Iterable[Inline], links: Sequence[Link]) -> Iterator[Inline]:
    for inline in inlines:
        match inline:
            case Styled("code", (Words(text),)):
                whole = _HELD.sub(lambda held: _link(held, links).text, text)
                yield Styled("code", (Words(whole),))
            case Styled(tag, inner):
                yield Styled(tag, tuple(_with_links(inner, links)))
            case Words(text):
                yield from _words_and_links(text, links)
            case Link():
                yield inline


def _words_and_links(text: str, links: Sequence[Link]) -> Iterator[Inline]:
    position = 0
    for held in _HELD.finditer(text):
        if held.start() > position:
            yield Words(text[position : held.start()])
        yield _link(held, links)
        position = held.end()
    if position < len(text):
        yield Words(text[position:])


def _link(held: re.Match[str], links: Sequence[Link]) -> Link:
    return links[ord(held[0]) - _PRIVATE_USE]


def _without_trailing(written: str) -> str:
    """Without the punctuation of the sentence that the link ends."""
    while written:
        last = written[-1]
        unmatched = last in ")]" and written.count(last) > written.count("(["[")]".index(last)])
        if last not in _TRAILING and not unmatched:
            break
        written = written[:-1]
    return written


def _href(written: str, *, is_mail: bool) -> str | None:
    if is_mail:
        return f"mailto:{written}"
    address = written if "://" in written else f"https://{written}"
    try:
        parts = urlsplit(address)
        host = parts.hostname
    except ValueError:
        return None
    if not host or "." not in host or parts.username is not None:
        return None
    return address


def _styled(text: str, *, depth: int = 4) -> Iterator[Inline]:
    position = 0
    while found := _next_styled(text, position) if depth else None:
        if found.start() > position:
            yield Words(text[position : found.start()])
        tag = _TAGS[text[found.start()]]
        inner = (Words(found[1]),) if tag == "code" else tuple(_styled(found[1], depth=depth - 1))
        yield Styled(tag, inner)
        position = found.end()
    if position < len(text):
        yield Words(text[position:])


def _next_styled(text: str, position: int) -> re.Match[str] | None:
    for mark in _ANY_MARK.finditer(text, position):
        found = _STYLED[mark[0]].match(text, mark.start())
        if found:
            return found
    return None


def render_html(text: str) -> SafeString:
    """HTML of paragraphs, lists, quotes. Everything that a person wrote is escaped."""
    return mark_safe("".join(_html_block(block) for block in parse(text)))  # noqa: S308


def _html_block(block: Block) -> str:
    lines = ["".join(_html(inline) for inline in line) for line in block.lines]
    match block.kind:
        case "bullets":
            return "<ul>" + "".join(f"<li>{line}</li>" for line in lines) + "</ul>"
        case "numbers":
            start = f' start="{block.first}"' if block.first != 1 else ""
            return f"<ol{start}>" + "".join(f"<li>{line}</li>" for line in lines) + "</ol>"
        case "quote":
            return "<blockquote><p>" + "<br>".join(lines) + "</p></blockquote>"
        case "code":
            return f"<pre><code>{lines[0]}</code></pre>"
        case "paragraph":
            return "<p>" + "<br>".join(lines) + "</p>"


def _html(inline: Inline) -> str:
    match inline:
        case Words(text):
            return escape(text)
        case Link(text, href):
            # No `nofollow`: these are the city's own links, not strangers'.
            return f'<a href="{escape(href)}" rel="noopener">{escape(text)}</a>'
        case Styled(tag, inner):
            return f"<{tag}>" + "".join(_html(part) for part in inner) + f"</{tag}>"


def render_plain(text: str) -> str:
    """The words without marks; lists keep their dashes and numbers, links their addresses."""
    return "\n".join(_plain_block(block) for block in parse(text))


def _plain_block(block: Block) -> str:
    lines = ["".join(_plain(inline) for inline in line) for line in block.lines]
    match block.kind:
        case "bullets":
            lines = [f"- {line}" for line in lines]
        case "numbers":
            lines = [f"{number}. {line}" for number, line in enumerate(lines, block.first)]
        case "quote":
            lines = [f"«{line}»" for line in lines]
        case _:
            pass
    return "\n".join(lines)


def _plain(inline: Inline) -> str:
    match inline:
        case Words(text) | Link(text, _):
            return text
        case Styled(_, inner):
            return "".join(_plain(part) for part in inner)


def excerpt(text: str, length: int) -> str:
    """One line of at most ``length`` characters, cut between words with an ellipsis."""
    line = " ".join(render_plain(text).split())
    if len(line) <= length:
        return line
    cut = line[: length - 1]
    if not line[length - 1].isspace() and " " in cut[length // 2 :]:
        cut = cut[: cut.rindex(" ")]
    return cut.rstrip(" ,;:.-") + "…"
