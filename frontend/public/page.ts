// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The page's own data, written by the server.
export const channel = document.body.dataset["channel"] ?? "";
export const pushKey = document.body.dataset["pushKey"] ?? "";
export const liveId = Number(document.body.dataset["liveId"] ?? 0);
export const timeZone = document.body.dataset["timeZone"];
export const language = document.documentElement.lang;

export function all<E extends Element = HTMLElement>(selector: string, within: ParentNode = document): E[] {
  return Array.from(within.querySelectorAll<E>(selector));
}

/** Calls `act` for each press on an element that matches the selector, present or future. */
export function onPress(selector: string, act: (pressed: HTMLElement, event: Event) => void): void {
  document.addEventListener("click", (event) => {
    const pressed = (event.target as Element | null)?.closest<HTMLElement>(selector);
    if (pressed) act(pressed, event);
  });
}
