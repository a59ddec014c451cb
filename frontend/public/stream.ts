// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// One connection to the server for all tabs of a browser: over HTTP/1.1 a browser opens six to one host, and each
// stream holds one for as long as its page is open. The tab that holds a lock reads the stream and passes each line on
// to the others; when it closes, the next one takes over (docs/decisions/0044).
import { channel } from "./page";

export type Kind = "post" | "correction" | "withdrawal" | "reactions";
export type State = "open" | "connecting" | "lost" | "refused";

export interface Line {
  kind: Kind;
  id: number;
  data: string;
}

interface Message {
  line?: Line;
  after?: number; // the previous line: a tab that has not seen it has missed something
  state?: State;
  wanted?: number; // the lines after this number
  renew?: boolean; // the connection may have died unnoticed
  ask?: boolean; // a new reader asks what the others want
}

const KINDS: Kind[] = ["post", "correction", "withdrawal", "reactions"];
const NAME = `canale-live-${channel}`;
const ANSWER_SECONDS = 3;
const CHECK_SECONDS = 30;
const MAX_LINES = 500;
// Several tabs notice at once that the network is back.
const RENEWED_ONCE_SECONDS = 2;

let source: EventSource | undefined;
let openedAt = 0;
// All lines after `from` are in `lines`.
let from = 0;
let lines: Line[] = [];

let tabs: BroadcastChannel | undefined;
let waiting: AbortController | undefined;
let letGo: (() => void) | undefined;
let reads = false;
let unanswered: number | undefined;
let checking: number | undefined;

let seen: () => number;
let onLine: (line: Line) => void;
let onState: (state: State) => void;

/** Reads the stream after line `last()`, here or through another tab. */
export function startStream(last: () => number, line: (line: Line) => void, state: (state: State) => void): void {
  [seen, onLine, onState] = [last, line, state];
  join();
  // A page that the browser freezes or keeps for *Back* gives its place to other tabs.
  addEventListener("pagehide", leave);
  addEventListener("pageshow", (event) => event.persisted && join());
  document.addEventListener("freeze", leave);
  document.addEventListener("resume", join);
}

/** Opens the stream if it is closed and asks for missed lines, after a refusal or an absence. */
export function continueStream(renew = false): void {
  if (reads) serve({ wanted: seen(), renew });
  else if (tabs) askReader(renew);
}

function join(): void {
  if (tabs || reads) return;
  try {
    tabs = new BroadcastChannel(NAME);
    tabs.onmessage = (event) => hear(event.data as Message);
    queue();
    askReader();
    checking = setInterval(() => document.hidden || reads || askReader(), CHECK_SECONDS * 1000);
  } catch {
    // An old browser, or one that blocks the site's storage.
    read();
  }
}

function leave(): void {
  clearTimeout(unanswered);
  clearInterval(checking);
  waiting?.abort();
  stopReading();
  tabs?.close();
  tabs = undefined;
}

function queue(steal = false): void {
  waiting?.abort();
  const place = new AbortController();
  waiting = place;
  const options = steal ? { steal } : { signal: place.signal };
  const turn = () => (place.signal.aborted ? undefined : new Promise<void>((resolve) => read(resolve)));
  navigator.locks.request(NAME, options, turn).catch(() => {
    if (place.signal.aborted) return;
    // Another tab took over because we were asleep, or the browser has no locks.
    if (letGo) {
      stopReading();
      queue();
    } else read();
  });
}

function read(release?: () => void): void {
  clearTimeout(unanswered);
  letGo = release;
  reads = true;
  open(seen());
  tabs?.postMessage({ ask: true } satisfies Message);
}

function stopReading(): void {
  source?.close();
  reads = false;
  letGo?.();
  letGo = undefined;
}

function askReader(renew = false): void {
  tabs?.postMessage({ wanted: seen(), renew } satisfies Message);
  clearTimeout(unanswered);
  unanswered = setTimeout(() => queue(true), ANSWER_SECONDS * 1000);
}

function hear(message: Message): void {
  if (reads) {
    if (message.wanted !== undefined) serve(message);
    return;
  }
  if (message.ask) return askReader();
  if (!message.line && !message.state) return;
  clearTimeout(unanswered);
  if ((message.after ?? 0) > seen()) return askReader();
  if (message.line) onLine(message.line);
  if (message.state) onState(message.state);
}

/** Sends a tab the lines that it asked for, from memory or from the server. */
function serve({ wanted = 0, renew = false }: Message): void {
  const old = performance.now() - openedAt > RENEWED_ONCE_SECONDS * 1000;
  const closed = source?.readyState === EventSource.CLOSED;
  if (wanted < from || closed || (renew && old)) open(Math.min(wanted, seen()));
  lines.forEach((line, place) => line.id > wanted && pass(line, lines[place - 1]?.id ?? from));
  say(state());
}

function pass(line: Line, after: number): void {
  tabs?.postMessage({ line, after } satisfies Message);
}

function open(at: number): void {
  source?.close();
  [from, lines, openedAt] = [at, [], performance.now()];
  source = new EventSource(`/live/${channel}?last_event_id=${at}`);
  source.onopen = () => say("open");
  source.onerror = () => say(state() === "connecting" ? "lost" : state());
  for (const kind of KINDS) {
    source.addEventListener(kind, ({ lastEventId, data }: MessageEvent<string>) =>
      take({ kind, id: Number(lastEventId), data }),
    );
  }
}

function take(line: Line): void {
  const after = lines.at(-1)?.id ?? from;
  lines.push(line);
  if (lines.length > MAX_LINES) from = lines.shift()?.id ?? from;
  onLine(line);
  pass(line, after);
}

function state(): State {
  if (source?.readyState === EventSource.OPEN) return "open";
  return source?.readyState === EventSource.CLOSED ? "refused" : "connecting";
}

function say(state: State): void {
  onState(state);
  tabs?.postMessage({ state } satisfies Message);
}
