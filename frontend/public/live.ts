// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The stream: what happens in the channel appears on the open page, nothing missing, nothing twice.
import { channel, liveId } from "./page";
import { insert, remove } from "./posts";
import { remark, showCounts } from "./reactions";
import { announce, say, strings } from "./strings";

interface Told {
  post: number;
  headline?: string;
  counts?: Record<string, number>;
}

const REOPEN_SECONDS = 30;
const CARD_ATTEMPTS = 5;
let seen = liveId;
let source: EventSource | undefined;
let reopening: number | undefined;
// Cards arrive in the order in which their events did.
let queue: Promise<void> = Promise.resolve();

export function startLive(): void {
  if (!channel || !("EventSource" in window)) return;
  open();
  addEventListener("online", open);
  addEventListener("pageshow", open);
  // From the page cache a page comes back with its line cut.
  addEventListener("pagehide", () => source?.close());
  document.addEventListener("visibilitychange", () => document.hidden || open());
}

function open(): void {
  if (source && source.readyState !== EventSource.CLOSED) return;
  clearTimeout(reopening);
  source = new EventSource(`/live/${channel}?last_event_id=${seen}`);
  source.onopen = () => connected(true);
  source.onerror = lost;
  on("post", (told) => add(told, strings.newPost));
  on("correction", (told) => add(told, strings.corrected));
  on("withdrawal", (told) => {
    remove(told.post, strings.withdrawnNote);
    announce(say(strings.withdrawn, { headline: told.headline ?? "" }));
  });
  on("reactions", (told) => showCounts(String(told.post), told.counts ?? {}));
}

function on(kind: string, act: (told: Told) => Promise<void> | void): void {
  source?.addEventListener(kind, (event) => {
    const { lastEventId, data } = event as MessageEvent<string>;
    const id = Number(lastEventId);
    if (id <= seen) return;
    seen = id;
    const told = JSON.parse(data) as Told;
    queue = queue.then(() => act(told)).catch(() => undefined);
  });
}

async function add(told: Told, words: string): Promise<void> {
  const html = await card(told.post);
  if (html === undefined) return;
  insert(told.post, html);
  remark(String(told.post));
  announce(say(words, { headline: told.headline ?? "" }));
}

/** The post as the server shows it; undefined when it is gone again. */
async function card(post: number): Promise<string | undefined> {
  for (let attempt = 1; ; attempt++) {
    try {
      const answer = await fetch(`/c/${channel}/p/${post}/card`, { cache: "no-cache" });
      if (answer.ok) return await answer.text();
      if (answer.status === 404 || answer.status === 410) return undefined;
    } catch {
      // The line is lost again: wait for it.
    }
    if (attempt === CARD_ATTEMPTS) return location.reload() as undefined;
    await new Promise((resolve) => setTimeout(resolve, attempt * 1000));
  }
}

function lost(): void {
  connected(false);
  if (source?.readyState !== EventSource.CLOSED) return;
  // The server refused (full, or stopping): browsers do not try again by themselves.
  clearTimeout(reopening);
  reopening = setTimeout(open, REOPEN_SECONDS * 1000 * (0.5 + Math.random()));
}

let losing: number | undefined;
function connected(yes: boolean): void {
  const place = document.getElementById("connection");
  if (!place) return;
  clearTimeout(losing);
  if (yes) place.hidden = true;
  // A short loss is nobody's business.
  else losing = setTimeout(() => (place.hidden = false), 4000);
}
