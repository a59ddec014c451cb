// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// One emoji of one reader on one post: shown at once, taken back if the server disagrees.
import { call } from "./api";
import { setKnown } from "./device";
import { all, onPress } from "./page";
import { announce, strings } from "./strings";

type Counts = Record<string, number>;
interface Answer {
  counts: Counts;
  mine: string | null;
}

const mine = new Map<string, string>();
// Of several quick presses on a post, the last one counts.
const turns = new Map<string, number>();

export function startReactions(): void {
  onPress(".reaction[data-emoji]", (pressed) => void react(pressed));
}

async function react(pressed: HTMLElement): Promise<void> {
  const post = pressed.closest<HTMLElement>("[data-reactions]")?.dataset["reactions"];
  const emoji = pressed.dataset["emoji"];
  if (!post || !emoji) return;
  const before = mine.get(post);
  const wanted = before === emoji ? undefined : emoji;
  const turn = (turns.get(post) ?? 0) + 1;
  turns.set(post, turn);
  assume(post, before, wanted);
  try {
    const answer = wanted
      ? await call<Answer>("PUT", `posts/${post}/reaction`, { emoji: wanted })
      : await call<Answer>("DELETE", `posts/${post}/reaction`);
    if (wanted) setKnown(true);
    if (turns.get(post) === turn) showCounts(post, answer.counts);
  } catch {
    if (turns.get(post) !== turn) return;
    assume(post, wanted, before);
    announce(strings.reactionFailed);
  }
}

function assume(post: string, before: string | undefined, after: string | undefined): void {
  for (const button of buttons(post)) {
    const emoji = button.dataset["emoji"];
    const difference = Number(emoji === after) - Number(emoji === before);
    setCount(button, count(button) + difference);
  }
  setMine(post, after);
}

/** What this device reacted, by post. */
export function markMine(reactions: Record<string, string>): void {
  for (const post of new Set([...mine.keys(), ...Object.keys(reactions)])) setMine(post, reactions[post]);
}

function setMine(post: string, emoji: string | undefined): void {
  if (emoji) mine.set(post, emoji);
  else mine.delete(post);
  for (const button of buttons(post)) {
    button.setAttribute("aria-pressed", String(button.dataset["emoji"] === emoji));
  }
}

export function showCounts(post: string, counts: Counts): void {
  for (const button of buttons(post)) setCount(button, counts[button.dataset["emoji"] ?? ""] ?? 0);
}

/** After a post's card was replaced. */
export function remark(post: string): void {
  setMine(post, mine.get(post));
}

function buttons(post: string): HTMLElement[] {
  return all(`[data-reactions="${post}"] .reaction`);
}

function count(button: HTMLElement): number {
  return Number(button.querySelector<HTMLElement>("[data-count]")?.dataset["count"] ?? 0);
}

function setCount(button: HTMLElement, value: number): void {
  const place = button.querySelector<HTMLElement>("[data-count]");
  if (!place) return;
  const shown = Math.max(0, value);
  place.dataset["count"] = String(shown);
  place.textContent = shown ? String(shown) : "";
}
