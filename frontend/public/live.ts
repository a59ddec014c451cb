// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// What happens in the channel appears on the open page, nothing missing, nothing twice.
import { noteArrival } from "./arrivals";
import { hearServer } from "./now";
import { channel, liveId } from "./page";
import { poll } from "./poll";
import { type Card, isNewestPage, isShown, put, read, withdraw } from "./posts";
import { remark, showCounts } from "./reactions";
import { type Kind, type Line, type State, continueStream, startStream } from "./stream";
import { announce, say, strings } from "./strings";

interface Told {
  post: number;
  headline?: string;
  counts?: Record<string, number>;
}

const REOPEN_SECONDS = 30;
const LONG_ABSENCE_SECONDS = 60;
// A short loss is nobody's business.
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

/** A phone that slept has lost its line without having noticed. */
function onVisibility(): void {
  if (document.hidden) hiddenSince = Date.now();
  else continueStream(Math.abs(Date.now() - hiddenSince) > LONG_ABSENCE_SECONDS * 1000);
}

const ACTS: Record<Kind, (told: Told) => unknown> = {
  post: (told) => show(told, strings.newPost),
  correction: (told) => isShown(String(told.post)) && show(told, strings.corrected),
  withdrawal: (told) => takeAway(String(told.post)),
  reactions: (told) => showCounts(String(told.post), told.counts ?? {}),
};

// What is told of one post happens in the order in which it was told.
const queues = new Map<number, Promise<unknown>>();

function take({ kind, id, data }: Line): void {
  if (id <= seen) return;
  seen = id;
  const told = JSON.parse(data) as Told;
  const before = queues.get(told.post) ?? Promise.resolve();
  queues.set(told.post, before.then(() => ACTS[kind](told)).catch(console.error));
}

function onState(state: State): void {
  document.documentElement.dataset["live"] = state;
  if (state === "open") connected(true);
  if (state === "lost" || state === "refused") connected(false);
  if (state !== "refused") return;
  // The server is full, or stopping: browsers do not try again by themselves.
  clearTimeout(reopening);
  reopening = setTimeout(lookAndReopen, REOPEN_SECONDS * 1000 * (0.5 + Math.random()));
}

async function show(told: Told, words: string): Promise<void> {
  const post = String(told.post);
  const belongs = isNewestPage() || isShown(post);
  // The page of an alert does not show its all-clear, and must not miss it.
  if (!belongs && !document.querySelector("[data-pinned]")) return;
  const isNew = belongs && !isShown(post);
  const card = belongs ? await update(post) : await fetchedCard(post);
  if (!card) return;
  if (isNew) noteArrival(post);
  if (belongs) announce(say(words, { headline: told.headline ?? "" }));
  const { endsAlert } = card;
  if (!endsAlert || !isShown(endsAlert)) return;
  allClears.set(post, endsAlert);
  await update(endsAlert);
}

// Of each all-clear, the alert on this page that it ended.
const allClears = new Map<string, string>();

async function takeAway(post: string): Promise<void> {
  const known = document.getElementById("post-" + post);
  // The stream no longer says what was withdrawn; the open page knows.
  const headline = known?.querySelector("h3")?.textContent?.trim();
  const endedAlert = known?.dataset["allClearOf"] ?? allClears.get(post);
  if (isNewestPage() || isShown(post)) {
    withdraw(post, strings.withdrawnNote);
    announce(headline ? say(strings.withdrawn, { headline }) : strings.withdrawnNote);
  }
  // An all-clear that is taken back: the alert holds again.
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

/** The post as the server shows it, however long that takes; undefined when it is gone again. */
async function fetchCard(post: string): Promise<string | undefined> {
  for (let seconds = 1; ; seconds = Math.min(seconds * 2, REOPEN_SECONDS)) {
    try {
      const answer = await fetch(`/c/${channel}/p/${post}/card`, { cache: "no-cache" });
      hearServer(answer);
      if (answer.ok) return await answer.text();
      if (answer.status === 404 || answer.status === 410) return undefined;
    } catch {
      // The line is lost again.
    }
    await new Promise((resolve) => setTimeout(resolve, seconds * 1000 * (0.5 + Math.random())));
  }
}

/** Full for long, perhaps: what is new is found without the stream, too. */
async function lookAndReopen(): Promise<void> {
  try {
    seen = Math.max(seen, await poll(seen));
  } catch {
    // The line is lost again.
  }
  continueStream();
}

let showingLoss: number | undefined;

function connected(yes: boolean): void {
  const place = document.getElementById("connection");
  if (!place) return;
  // A stream that opens as the network goes says nothing of now.
  if (yes && navigator.onLine) {
    clearTimeout(showingLoss);
    showingLoss = undefined;
    place.hidden = true;
  } else if (!yes) {
    showingLoss ??= setTimeout(() => (place.hidden = false), LOSS_SHOWN_AFTER_SECONDS * 1000);
  }
}
