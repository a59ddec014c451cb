// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Shows the characters left in each field with a data-limit, counted as the server does. Nothing is
// truncated: a paste that is too long stays, and the counter shows by how much.

type Field = HTMLInputElement | HTMLTextAreaElement;

const PAUSE = 1000;

export function startCounts(): void {
  const fields = Array.from(document.querySelectorAll("[data-limit]")).filter(isField);
  if (!fields.length) return;
  for (const field of fields) show(field);
  const announced = makeRegion();
  document.addEventListener("input", (event) => {
    const field = event.target;
    if (!isField(field) || !field.dataset["limit"]) return;
    const wasOver = isOver(field);
    show(field);
    announceLater(announced, field, wasOver);
  });
}

function isField(target: unknown): target is Field {
  return target instanceof HTMLInputElement || target instanceof HTMLTextAreaElement;
}

function isOver(field: Field): boolean {
  return field.getAttribute("aria-invalid") === "true";
}

function show(field: Field): void {
  const count = countOf(field);
  const limit = Number(field.dataset["limit"]);
  const left = limit - lengthOf(field);
  if (left < 0) field.setAttribute("aria-invalid", "true");
  else field.removeAttribute("aria-invalid");
  if (!count) return;
  count.classList.toggle("is-near", left >= 0 && left < limit / 10);
  count.classList.toggle("is-over", left < 0);
  count.textContent = left < 0 ? `${left} · ${overBy(count, -left)}` : String(left);
}

function countOf(field: Field): HTMLElement | null {
  return field.closest(".field, .slot-words")?.querySelector<HTMLElement>("[data-count]") ?? null;
}

function overBy(count: HTMLElement, characters: number): string {
  return (count.dataset["over"] ?? "").replace("{n}", String(characters));
}

const LINE_ENDS = /\r\n|[\r\v\f\x1c-\x1e\x85\u2028\u2029]/g;
const UNPRINTED = /(?![\n\t])[\p{Cc}\u202a-\u202e\u2066-\u2069\ufeff]/gu;

/** Counts code points after the server's cleaning (canale/channel/characters.py); an emoji may be several. */
function lengthOf(field: Field): number {
  const kept = field.value.normalize("NFC").replace(LINE_ENDS, "\n").replace(UNPRINTED, "");
  const tidied = field instanceof HTMLInputElement ? kept.replace(/\s+/gu, " ") : kept;
  return Array.from(tidied.trim()).length;
}

let waiting = 0;

/** Notifies a screen reader once typing pauses, and only that a text is too long, or fits again. */
function announceLater(announced: HTMLElement, field: Field, wasOver: boolean): void {
  const count = countOf(field);
  if (!count || (!isOver(field) && !wasOver)) return;
  clearTimeout(waiting);
  waiting = setTimeout(() => {
    const name = field.labels?.[0]?.firstChild?.textContent?.trim() ?? "";
    const message = isOver(field) ? overBy(count, lengthOf(field) - Number(field.dataset["limit"])) : count.dataset["fits"];
    announced.textContent = `${name}: ${message}`;
  }, PAUSE);
}

function makeRegion(): HTMLElement {
  const made = document.createElement("p");
  made.className = "visually-hidden";
  made.setAttribute("role", "status");
  document.querySelector("main")?.append(made);
  return made;
}
