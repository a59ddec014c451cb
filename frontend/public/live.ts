// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Shows each event of the channel on the open page, exactly once.
import { noteArrival } from "./arrivals";
import { hearServer } from "./now";
import { channel, liveId } from "./page";
import { poll } from "./poll";
import { type Card, isNewestPage, isShown, put, read, withdraw } from "./posts";
import { remark, showCounts } from "./reactions";
import { type Kind, type Line, type State, continueStream, startStream } from "./stream";
import { announce, say, strings } from "./strings";

interface LiveEvent {
  post: number;
  headline?: string;
  counts?: Record<string, number>;
}

const REOPEN_SECONDS = 30;
const LONG_ABSENCE_SECONDS = 60;
// A short interruption is not shown.
const LOSS_SHOWN_AFTER_SECONDS = 4;

let seen = liveId;
let reopening: number | undefined;
let hiddenSince = 0;

export function startLive(): void {
  if (!channel || !("EventSource" in window)) return;
  startStream(() => seen, take, onState);
  addEventListener("online", () => continueStream(true));
  addEventListener("offline", () => connected(false));
  document.addEventListener("visibilitychange", onVisibility);
}

/** A phone that slept has lost its connection without noticing. */
function onVisibility(): void {
  if (document.hidden) hiddenSince = Date.now();
  else continueStream(Math.abs(Date.now() - hiddenSince) > LONG_ABSENCE_SECONDS * 1000);
}

const ACTS: Record<Kind, (event: LiveEvent) => unknown> = {
  post: (event) => show(event, strings.newPost),
  correction: (event) => isShown(String(event.post)) && show(event, strings.corrected),
  withdrawal: (event) => takeAway(String(event.post)),
  reactions: (event) => showCounts(String(event.post), event.counts ?? {}),
};

// Events of one post are handled one after another, in their order.
const queues = new Map<number, Promise<unknown>>();

function take({ kind, id, data }: Line): void {
  if (id <= seen) return;
  seen = id;
  const event = JSON.parse(data) as LiveEvent;
  const before = queues.get(event.post) ?? Promise.resolve();
  queues.set(event.post, before.then(() => ACTS[kind](event)).catch(console.error));
}

function onState(state: State): void {
  document.documentElement.dataset["live"] = state;
  if (state === "open") connected(true);
  if (state === "lost" || state === "refused") connected(false);
  if (state !== "refused") return;
  // The server is full or stopping, and browsers do not reconnect after a refusal.
  clearTimeout(reopening);
  reopening = setTimeout(lookAndReopen, REOPEN_SECONDS * 1000 * (0.5 + Math.random()));
}

async function show(event: LiveEvent, words: string): Promise<void> {
  const post = String(event.post);
  const belongs = isNewestPage() || isShown(post);
  // The page of an alert does not show its all-clear, but must react to it.
  if (!belongs && !document.querySelector("[data-pinned]")) return;
  const isNew = belongs && !isShown(post);
  const card = belongs ? await update(post) : await fetchedCard(post);
  if (!card) return;
  if (isNew) noteArrival(post);
  if (belongs) announce(say(words, { headline: event.headline ?? "" }));
  const { endsAlert } = card;
  if (!endsAlert || !isShown(endsAlert)) return;
  allClears.set(post, endsAlert);
  await update(endsAlert);
}

// {all-clear: the alert on this page that it ended}
const allClears = new Map<string, string>();

async function takeAway(post: string): Promise<void> {
  const known = document.getElementById("post-" + post);
  // The stream does not repeat the headline of a withdrawn post; the open page still has it.
  const headline = known?.querySelector("h3")?.textContent?.trim();
  const endedAlert = known?.dataset["allClearOf"] ?? allClears.get(post);
  if (isNewestPage() || isShown(post)) {
    withdraw(post);
    announce(headline ? say(strings.withdrawn, { headline }) : strings.withdrawnNote);
  }
  // Withdrawing an all-clear puts its alert back in force.
  if (endedAlert && isShown(endedAlert)) await update(endedAlert);
}

async function update(post: string): Promise<Card | undefined> {
  const card = await fetchedCard(post);
  if (!card) return undefined;
  put(post, card);
  remark(post);
  return card;
}

async function fetchedCard(post: string): Promise<Card | undefined> {
  const html = await fetchCard(post);
  return html === undefined ? undefined : read(html);
}

/** Fetches the post's card, retrying until the server answers; undefined if the post is gone. */
async function fetchCard(post: string): Promise<string | undefined> {
  for (let seconds = 1; ; seconds = Math.min(seconds * 2, REOPEN_SECONDS)) {
    try {
      const answer = await fetch(`/c/${channel}/p/${post}/card`, { cache: "no-cache" });
      hearServer(answer);
      if (answer.ok) return await answer.text();
      if (answer.status === 404 || answer.status === 410) return undefined;
    } catch {
      // The connection was lost again.
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000 * (0.5 + Math.random())));
  }
}

/** The server may stay full for a long time: polls for new posts before trying the stream again. */
async function lookAndReopen(): Promise<void> {
  try {
    seen = Math.max(seen, await poll(seen));
  } catch {
    // The connection was lost again.
  }
  continueStream();
}

let showingLoss: number | undefined;

function connected(yes: boolean): void {
  const place = document.getElementById("connection");
  if (!place) return;
  // An event of the stream may arrive after the network was lost.
  if (yes && navigator.onLine) {
    clearTimeout(showingLoss);
    showingLoss = undefined;
    place.hidden = true;
  } else if (!yes) {
    showingLoss ??= setTimeout(() => (place.hidden = false), LOSS_SHOWN_AFTER_SECONDS * 1000);
  }
}
