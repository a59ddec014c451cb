// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Shows a failure for a moment in one line at the bottom, and announces it to screen readers.
import { onPress } from "./page";

const SECONDS = 5;

let closing: number | undefined;
let before: Element | null = null;

export function startToast(): void {
  onPress("[data-close-toast]", close);
  addEventListener("focusin", giveWay);
}

/** Replaces the current toast, if any. */
export function showFailure(text: string): void {
  const place = document.getElementById("toast");
  const template = document.getElementById("toast-template");
  if (!place || !(template instanceof HTMLTemplateElement)) return;
  before = document.activeElement;
  const toast = template.content.cloneNode(true) as DocumentFragment;
  for (const words of toast.querySelectorAll("[data-slot=text]")) words.textContent = text;
  place.replaceChildren(toast);
  giveWay();
  closeLater();
}

function closeLater(): void {
  clearTimeout(closing);
  // It stays while the pointer or the focus is on it.
  closing = setTimeout(() => (document.querySelector("#toast:is(:hover, :focus-within)") ? closeLater() : close()), SECONDS * 1000);
}

function close(): void {
  clearTimeout(closing);
  const place = document.getElementById("toast");
  const hadFocus = place?.contains(document.activeElement);
  place?.replaceChildren();
  if (hadFocus && before instanceof HTMLElement) before.focus();
}

/** Moves the toast to the top if it would cover the focused element. */
function giveWay(): void {
  const place = document.getElementById("toast");
  const at = document.activeElement;
  if (!place?.firstElementChild || !at || at === document.body || place.contains(at)) return;
  place.classList.remove("toast-above");
  const covers = at.getBoundingClientRect().bottom > place.getBoundingClientRect().top;
  place.classList.toggle("toast-above", covers);
}
