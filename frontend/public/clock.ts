// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Keeps a page that stays open, or was stored for offline use, up to date with the clock.
import { hearServer, isDoubtful, now } from "./now";
import { all, timeZone } from "./page";
import { removeExpired } from "./posts";
import { strings } from "./strings";

const A_DAY = 24 * 3600 * 1000;
// The city's next midnight when the page was made: until then its days are called as the server wrote them. To compute
// the first date of a zone takes a phone a tenth of a second, which a page that has just come need not spend.
const midnight = Number(document.body.dataset["midnight"] ?? 0);

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
  if (moment.getTime() < midnight) return;
  const today = day(moment);
  nameDays(today, day(new Date(moment.getTime() - A_DAY)));
  renewDates(today);
}

async function askServer(): Promise<void> {
  try {
    hearServer(await fetch(location.pathname, { method: "HEAD", cache: "no-store" }));
  } catch {
    // Offline, a post that may have ended stays until the server confirms it.
  }
}

/** After midnight, *today* becomes *yesterday*. */
function nameDays(today: string, yesterday: string): void {
  const name = (date: string, words = inWords(date)): string =>
    date === today ? strings.today : date === yesterday ? strings.yesterday : words;
  for (const section of all("#posts > section.day")) {
    write(section.querySelector("h2"), name(section.dataset["day"] ?? "", section.dataset["fullHeading"]));
  }
  for (const place of all(".moment-day")) write(place, name(place.closest("article")?.dataset["day"] ?? ""));
}

/** Replaces *today* and *tomorrow* by dates, and counts the days left of a deadline again. */
function renewDates(today: string): void {
  for (const place of all("[data-full]")) {
    if (place.dataset["today"] !== today) write(place, place.dataset["full"] ?? "");
  }
  for (const tile of all("[data-due]")) {
    const days = Math.round((Date.parse(tile.dataset["due"] ?? "") - Date.parse(today)) / A_DAY);
    const [number, unit] = days > 0 ? inDays(days) : [strings.today, ""];
    tile.hidden = days < 0;
    write(tile.querySelector("strong"), number);
    write(tile.querySelector("span"), unit);
  }
}

function inDays(days: number): [string, string] {
  const format = new Intl.NumberFormat(document.documentElement.lang, { style: "unit", unit: "day", unitDisplay: "long" });
  const parts = format.formatToParts(days);
  const of = (type: string): string => parts.find((part) => part.type === type)?.value ?? "";
  return [of("integer"), of("unit")];
}

function write(place: Element | null, text: string): void {
  if (place && place.textContent !== text) place.textContent = text;
}

function inWords(date: string): string {
  const isThisYear = date.slice(0, 4) === day(new Date()).slice(0, 4);
  const options = { weekday: "long", day: "numeric", month: "long", timeZone: "UTC" } as const;
  const language = document.documentElement.lang;
  const words = new Date(date).toLocaleDateString(language, isThisYear ? options : { ...options, year: "numeric" });
  // The same format as the server's.
  return language === "it" ? words.replace(/^(\D*)1 /, "$11° ") : words;
}

/** Returns the day of a moment in the city's time zone, for example 2026-11-24. */
function day(moment: Date): string {
  return moment.toLocaleDateString("sv-SE", timeZone ? { timeZone } : {});
}
