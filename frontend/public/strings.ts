// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The scripts' own texts, in the page's language. The server writes them into the page.
export interface Strings {
  newPost: string; // {headline}
  corrected: string; // {headline}
  withdrawn: string; // {headline}
  withdrawnNote: string;
  withdrawnWhy: string;
  today: string;
  yesterday: string;
  copied: string;
  copyFailed: string;
  reactionFailed: string;
  cookiesBlocked: string;
  saved: string;
  dismissed: string;
  unfollowed: string;
  oneFollower: string;
  followers: string; // {number}
  forgotten: string;
  failed: string;
  oneArrival: string;
  arrivals: string; // {number}
  imageOf: string; // {number} {total}
}

const element = document.getElementById("strings");
export const strings = JSON.parse(element?.textContent ?? "{}") as Strings;

export function say(text: string, values: Record<string, string | number>): string {
  return text.replace(/\{(\w+)\}/g, (whole, name: string) => String(values[name] ?? whole));
}

/** Notifies a screen reader without moving its focus. */
export function announce(text: string): void {
  const place = document.getElementById("announce");
  if (!place) return;
  place.textContent = "";
  // A screen reader speaks only changes.
  setTimeout(() => (place.textContent = text), 60);
}
