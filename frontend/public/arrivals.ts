// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// A button at the top counts the posts that arrived above the visible part of the page, and leads to the newest.
import { onPress } from "./page";
import { say, strings } from "./strings";

const unseen = new Set<string>();

export function startArrivals(): void {
  onPress("#arrivals", goToNewest);
  addEventListener("scroll", forgetSeen, { passive: true });
}

export function noteArrival(post: string): void {
  if (!isAbove(post)) return;
  unseen.add(post);
  show();
}

function isAbove(post: string): boolean {
  return (shownAs(post)?.getBoundingClientRect().bottom ?? 1) <= 0;
}

/** Looks above the list first: an alert stands there as well as in the list. */
function shownAs(post: string): HTMLElement | null {
  return document.getElementById("pinned-" + post) ?? document.getElementById("post-" + post);
}

function forgetSeen(): void {
  if (!unseen.size) return;
  for (const post of unseen) if (!isAbove(post)) unseen.delete(post);
  show();
}

function show(): void {
  const button = document.getElementById("arrivals");
  const words = button?.querySelector("[data-slot=text]");
  if (!button || !words) return;
  const number = unseen.size;
  if (number) words.textContent = number === 1 ? strings.oneArrival : say(strings.arrivals, { number });
  button.hidden = !number;
}

function goToNewest(): void {
  const posts = [...unseen].map(shownAs).filter((post) => post !== null);
  const newest = posts.sort((one, other) => one.getBoundingClientRect().top - other.getBoundingClientRect().top)[0];
  unseen.clear();
  show();
  if (!newest) return;
  const isStill = matchMedia("(prefers-reduced-motion: reduce)").matches;
  newest.tabIndex = -1;
  newest.focus({ preventScroll: true });
  newest.scrollIntoView({ behavior: isStill ? "auto" : "smooth" });
}
