// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The list of posts: new ones come in at their place, corrected ones change, withdrawn ones go.
import { all } from "./page";

export function insert(post: number, html: string): void {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const fresh = parsed.querySelector<HTMLElement>("article.post");
  if (!fresh) return;
  const known = document.getElementById(`post-${post}`);
  if (known) replace(known, fresh);
  else place(fresh);
  pin(post, parsed);
  const empty = document.getElementById("empty");
  if (empty) empty.hidden = true;
}

function replace(known: HTMLElement, fresh: HTMLElement): void {
  // Whoever is on a button of the post stays there.
  const focused = known.contains(document.activeElement) ? index(known, document.activeElement) : -1;
  known.replaceWith(fresh);
  if (focused >= 0) focusable(fresh)[focused]?.focus();
}

function index(within: HTMLElement, element: Element | null): number {
  return focusable(within).indexOf(element as HTMLElement);
}

function focusable(within: HTMLElement): HTMLElement[] {
  return all("a, button, summary", within);
}

/** Newest first, under the heading of its day. */
function place(fresh: HTMLElement): void {
  const list = document.getElementById("posts");
  if (!list) return;
  const section = sectionOf(list, fresh);
  const published = fresh.dataset["published"] ?? "";
  const older = all("article.post", section).find((one) => (one.dataset["published"] ?? "") < published);
  section.insertBefore(fresh, older ?? null);
}

function sectionOf(list: HTMLElement, fresh: HTMLElement): HTMLElement {
  const day = fresh.dataset["day"] ?? "";
  const sections = all("section.day", list);
  const known = sections.find((one) => one.dataset["day"] === day);
  if (known) return known;
  const section = document.createElement("section");
  section.className = "day";
  section.dataset["day"] = day;
  const heading = document.createElement("h2");
  heading.id = `day-${day}`;
  heading.textContent = fresh.dataset["dayHeading"] ?? day;
  section.setAttribute("aria-labelledby", heading.id);
  section.append(heading);
  list.insertBefore(section, sections.find((one) => (one.dataset["day"] ?? "") < day) ?? null);
  return section;
}

/** An alert stands above all; what its all-clear ended does so no more. */
function pin(post: number, parsed: Document): void {
  const place = document.getElementById("pinned");
  if (!place) return;
  const fresh = parsed.querySelector<HTMLElement>(`#pinned-${post}`);
  document.getElementById(`pinned-${post}`)?.remove();
  if (fresh) place.prepend(fresh);
  const ended = parsed.querySelector<HTMLElement>("[data-all-clear-of]")?.dataset["allClearOf"];
  if (ended) document.getElementById(`pinned-${ended}`)?.remove();
  place.hidden = !place.querySelector("[data-pinned]");
}

export function remove(post: number, note: string): void {
  document.getElementById(`pinned-${post}`)?.remove();
  const place = document.getElementById("pinned");
  if (place) place.hidden = !place.querySelector("[data-pinned]");
  const known = document.getElementById(`post-${post}`);
  if (!known) return;
  const said = document.createElement("p");
  said.className = "withdrawn";
  said.textContent = note;
  known.replaceChildren(said);
}

/** Hides what is over while the page is open, and names the days anew after midnight. */
export function startClock(today: string, yesterday: string): void {
  setInterval(() => {
    const now = new Date().toISOString();
    for (const post of all("article.post[data-visible-until]")) {
      if ((post.dataset["visibleUntil"] ?? "") <= now) post.remove();
    }
    nameDays(today, yesterday);
  }, 60_000);
}

function nameDays(today: string, yesterday: string): void {
  const zone = document.body.dataset["timeZone"];
  const options = zone ? { timeZone: zone } : {};
  const day = (date: Date): string => date.toLocaleDateString("sv-SE", options);
  const now = day(new Date());
  const before = day(new Date(Date.now() - 24 * 3600 * 1000));
  for (const section of all("section.day")) {
    const heading = section.querySelector("h2");
    if (!heading) continue;
    const full = section.dataset["fullHeading"];
    if (section.dataset["day"] === now) heading.textContent = today;
    else if (section.dataset["day"] === before) heading.textContent = yesterday;
    else if (full) heading.textContent = full;
  }
}
