// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// A page that stays open, or was kept for offline, keeps up with the clock.
import { hearServer, isDoubtful, now } from "./now";
import { all, timeZone } from "./page";
import { removeExpired } from "./posts";
import { strings } from "./strings";

const A_DAY = 24 * 3600 * 1000;

export function startClock(): void {
  keepUp();
  setInterval(keepUp, 60_000);
  addEventListener("online", () => void keepUp());
  document.addEventListener("visibilitychange", () => document.hidden || void keepUp());
}

async function keepUp(): Promise<void> {
  if (isDoubtful()) await askServer();
  const moment = now();
  if (!moment) return;
  removeExpired(moment);
  nameDays(day(moment), day(new Date(moment.getTime() - A_DAY)));
}

async function askServer(): Promise<void> {
  try {
    hearServer(await fetch(location.pathname, { method: "HEAD", cache: "no-store" }));
  } catch {
    // Offline: what may be over stays until the server says so.
  }
}

/** After midnight today is yesterday. */
function nameDays(today: string, yesterday: string): void {
  for (const section of all("#posts > section.day")) {
    const heading = section.querySelector("h2");
    const date = section.dataset["day"] ?? "";
    const words = section.dataset["fullHeading"] ?? inWords(date);
    const name = date === today ? strings.today : date === yesterday ? strings.yesterday : words;
    if (heading && heading.textContent !== name) heading.textContent = name;
  }
}

function inWords(date: string): string {
  const isThisYear = date.slice(0, 4) === day(new Date()).slice(0, 4);
  const options = { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" } as const;
  return new Date(date).toLocaleDateString(document.documentElement.lang, isThisYear ? options : { ...options, year: "numeric" });
}

/** The city's day of a moment, as 2026-11-24. */
function day(moment: Date): string {
  return moment.toLocaleDateString("sv-SE", timeZone ? { timeZone } : {});
}
