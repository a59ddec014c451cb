// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// One emoji per reader and post: shown at once, and taken back if the server refuses it.
import { call } from "./api";
import { keepsCookies, setKnown } from "./device";
import { all, onPress } from "./page";
import { announce, strings } from "./strings";
import { showFailure } from "./toast";

type Counts = Record<string, number>;

interface Answer {
  counts: Counts;
}

interface Mark {
  counts?: Counts; // as the server last said; undefined: as it wrote into the page
  held: string; // what the server keeps for this device, or ""
  wanted: string;
  asking: boolean;
}

const marks = new Map<string, Mark>();

export function startReactions(): void {
  onPress(".reaction[data-emoji]", (pressed) => {
    const post = pressed.closest<HTMLElement>("[data-reactions]")?.dataset["reactions"];
    const emoji = pressed.dataset["emoji"];
    if (post && emoji) react(post, emoji);
  });
  onPress("[data-more-reactions]", (pressed) => open(pressed, pressed.getAttribute("aria-expanded") !== "true"));
}

function open(button: HTMLElement, isOpen: boolean): void {
  button.setAttribute("aria-expanded", String(isOpen));
}

function react(post: string, emoji: string): void {
  note(post, "");
  if (!keepsCookies()) return note(post, strings.cookiesBlocked);
  const mark = markOf(post);
  mark.wanted = mark.wanted === emoji ? "" : emoji;
  show(post);
  closeOthers(post);
  if (!mark.asking) void settle(post, mark);
}

/** Closes the other emojis. If the focused one disappears, the button that opens them takes the focus. */
function closeOthers(post: string): void {
  const at = document.activeElement;
  for (const place of all(`[data-reactions="${post}"]`)) {
    const more = place.querySelector<HTMLElement>("[data-more-reactions]");
    if (!more) continue;
    open(more, false);
    if (place.contains(at) && at instanceof HTMLElement && !at.offsetParent) more.focus();
  }
}

/** Sends one request at a time, so that the last of several quick presses counts. */
async function settle(post: string, mark: Mark): Promise<void> {
  mark.asking = true;
  try {
    while (mark.wanted !== mark.held) {
      const emoji = mark.wanted;
      const path = `posts/${post}/reaction`;
      const answer = await (emoji ? call<Answer>("PUT", path, { emoji }) : call<Answer>("DELETE", path));
      mark.held = emoji;
      mark.counts = answer.counts;
      if (emoji) setKnown(true);
    }
  } catch {
    mark.wanted = mark.held;
    show(post);
    closeOthers(post);
    showFailure(strings.reactionFailed);
  }
  mark.asking = false;
  show(post);
}

/** Shows below the reactions why one failed; an empty text removes the line. */
function note(post: string, text: string): void {
  for (const group of all(`[data-reactions="${post}"]`)) {
    const place = group.closest(".post-foot") ?? group;
    const known = place.nextElementSibling;
    if (known?.classList.contains("reaction-note")) known.remove();
    if (!text) continue;
    const said = document.createElement("p");
    said.className = "reaction-note small";
    said.textContent = text;
    place.after(said);
  }
  if (text) announce(text);
}

/** Marks this device's reactions: {post: emoji}. */
export function markMine(reactions: Record<string, string>): void {
  for (const post of new Set([...marks.keys(), ...Object.keys(reactions)])) {
    const mark = markOf(post);
    if (mark.asking) continue;
    mark.held = mark.wanted = reactions[post] ?? "";
    show(post);
  }
}

export function showCounts(post: string, counts: Counts): void {
  const mark = markOf(post);
  mark.counts = counts;
  // These counts may or may not include our own press: its response decides.
  if (!mark.asking) show(post);
}

/** Puts the stream's counts, which are newer, into a card that was replaced. */
export function remark(post: string): void {
  show(post);
}

function markOf(post: string): Mark {
  const known = marks.get(post);
  if (known) return known;
  const mark: Mark = { held: "", wanted: "", asking: false };
  marks.set(post, mark);
  return mark;
}

function show(post: string): void {
  const mark = markOf(post);
  for (const button of all(`[data-reactions="${post}"] .reaction`)) {
    const emoji = button.dataset["emoji"] ?? "";
    button.setAttribute("aria-pressed", String(emoji === mark.wanted));
    const place = button.querySelector<HTMLElement>("[data-count]");
    if (!place) continue;
    const said = mark.counts ? (mark.counts[emoji] ?? 0) : Number(place.dataset["count"]);
    const count = said + Number(emoji === mark.wanted) - Number(emoji === mark.held);
    place.textContent = count > 0 ? String(count) : "";
  }
}
