// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The time as the server has it. A phone's own clock may be days ahead, or a year behind.

// Milliseconds since the epoch when the page was made; the service worker renews it in a page that it kept.
let known = Number(document.body.dataset["now"] ?? NaN);
let knownSince = performance.now();
let phoneSince = Date.now();

/** Undefined where nobody has said: what an older build wrote into a kept page has no time in it. */
export function now(): Date | undefined {
  return isNaN(known) ? undefined : new Date(known + performance.now() - knownSince);
}

/** Every answer of the server says what time it is. */
export function hearServer(answer: Response): void {
  const told = Date.parse(answer.headers.get("Date") ?? "");
  if (isNaN(told)) return;
  [known, knownSince, phoneSince] = [told, performance.now(), Date.now()];
}

/** Whether the phone's clock moved otherwise than time passed: it slept, or somebody set it. */
export function isDoubtful(): boolean {
  return Math.abs(Date.now() - phoneSince - (performance.now() - knownSince)) > 60_000;
}
