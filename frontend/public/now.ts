// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The server's time. A phone's own clock may be days ahead, or a year behind.

// When the page was rendered, in milliseconds since the epoch. The service worker updates it in a stored page.
let known = Number(document.body.dataset["now"] ?? NaN);
let knownSince = performance.now();
let phoneSince = Date.now();

/** Returns undefined if unknown: a page stored by an older build has no time in it. */
export function now(): Date | undefined {
  return isNaN(known) ? undefined : new Date(known + performance.now() - knownSince);
}

/** Each response of the server carries its time. */
export function hearServer(answer: Response): void {
  const date = Date.parse(answer.headers.get("Date") ?? "");
  if (isNaN(date)) return;
  [known, knownSince, phoneSince] = [date, performance.now(), Date.now()];
}

/** Returns true if the phone's clock jumped: the phone slept, or somebody set the clock. */
export function isDoubtful(): boolean {
  return Math.abs(Date.now() - phoneSince - (performance.now() - knownSince)) > 60_000;
}
