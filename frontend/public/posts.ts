// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The list of posts: inserts new ones in their place, replaces corrected ones, removes withdrawn ones.
import { all } from "./page";
import { strings } from "./strings";

/** The parts of a post's card, from the server. */
export interface Card {
  article: HTMLElement;
  pinned: HTMLElement | null;
  endsAlert: string | undefined; // the alert whose all-clear it is
}

export function read(html: string): Card | undefined {
  const parsed = new DOMParser().parseFromString(html, "text/html");
  const article = parsed.querySelector<HTMLElement>("article.post:not([data-pinned])");
  const pinned = parsed.querySelector<HTMLElement>("article.post[data-pinned]");
  return article ? { article, pinned, endsAlert: article.dataset["allClearOf"] } : undefined;
}

export function isShown(post: string): boolean {
  return document.getElementById("post-" + post) !== null || document.getElementById("pinned-" + post) !== null;
}

/** Returns true if new posts belong on this page: not on a post's own page or on older pages. */
export function isNewestPage(): boolean {
  return document.getElementById("pinned") !== null && document.getElementById("posts") !== null;
}

export function put(post: string, card: Card): void {
  const known = document.getElementById("post-" + post);
  if (known) replace(known, card.article);
  else if (isNewestPage()) insert(card.article);
  pin(post, card.pinned);
  showEmpty();
}

function replace(known: HTMLElement, fresh: HTMLElement): void {
  // The focus stays on the same control of the post.
  const place = focusable(known).indexOf(document.activeElement as HTMLElement);
  known.replaceWith(fresh);
  focusable(fresh)[place]?.focus();
}

function focusable(within: HTMLElement): HTMLElement[] {
  return all("a, button, summary", within);
}

/** Inserts a post under the heading of its day, newest first. */
function insert(fresh: HTMLElement): void {
  const section = sectionOf(fresh);
  const published = fresh.dataset["published"] ?? "";
  const older = all("article.post", section).find((one) => (one.dataset["published"] ?? "") < published);
  section.insertBefore(fresh, older ?? null);
}

function sectionOf(fresh: HTMLElement): HTMLElement {
  const day = fresh.dataset["day"] ?? "";
  const sections = all("#posts > section.day");
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
  const older = sections.find((one) => (one.dataset["day"] ?? "") < day);
  document.getElementById("posts")?.insertBefore(section, older ?? null);
  return section;
}

/** Puts an alert in force above everything, once. */
function pin(post: string, fresh: HTMLElement | null): void {
  const known = document.getElementById("pinned-" + post);
  if (known && fresh) replace(known, fresh);
  else if (fresh) document.querySelector("#pinned > h2")?.after(fresh);
  else known?.remove();
  showPinned();
}

function showPinned(): void {
  const place = document.getElementById("pinned");
  if (!place) return;
  const alerts = all("[data-pinned]", place).length;
  place.hidden = !alerts;
  const heading = place.querySelector<HTMLElement>("[data-several]");
  if (heading) heading.textContent = heading.dataset[alerts > 1 ? "several" : "one"] ?? "";
  for (const post of all("article.post-stands-above")) {
    const above = document.getElementById("pinned-" + post.dataset["post"]) !== null;
    post.classList.toggle("post-stands-above", above);
  }
}

/** Replaces a withdrawn post by a line that says so, for those who are reading it, and leads to the reason. */
export function withdraw(post: string): void {
  pin(post, null);
  const known = document.getElementById("post-" + post);
  if (!known) return;
  const hadFocus = known.contains(document.activeElement);
  const line = document.createElement("p");
  line.className = "withdrawn";
  line.textContent = strings.withdrawnNote;
  line.tabIndex = -1;
  const page = known.querySelector<HTMLAnchorElement>("h3 a")?.href;
  if (page) {
    const link = document.createElement("a");
    link.href = page;
    link.textContent = strings.withdrawnWhy;
    line.append(" ", link);
  }
  known.replaceChildren(line);
  known.removeAttribute("aria-labelledby");
  if (hadFocus) line.focus();
}

/** Removes expired posts from a page that stays open. */
export function removeExpired(now: Date): void {
  for (const post of all("article.post")) {
    if (isPast(post.dataset["visibleUntil"], now) || isPast(post.dataset["ends"], now)) post.remove();
  }
  for (const section of all("#posts > section.day")) {
    if (!section.querySelector("article")) section.remove();
  }
  showPinned();
  showEmpty();
}

function isPast(moment: string | undefined, now: Date): boolean {
  return moment !== undefined && new Date(moment) <= now;
}

function showEmpty(): void {
  const empty = document.getElementById("empty");
  if (empty) empty.hidden = document.querySelector("#posts article") !== null;
}
