// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// A page that stays open, or was kept for offline, keeps up with the clock.
import { all, timeZone } from "./page";
import { removeExpired } from "./posts";
import { strings } from "./strings";

const A_DAY = 24 * 3600 * 1000;

export function startClock(): void {
  tick();
  setInterval(tick, 60_000);
  document.addEventListener("visibilitychange", () => document.hidden || tick());
}

function tick(): void {
  const now = new Date();
  removeExpired(now);
  nameDays(day(now), day(new Date(now.getTime() - A_DAY)));
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
