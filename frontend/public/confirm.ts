// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// A second press, in place, before what cannot be undone.
import { announce } from "./strings";

const CONFIRM_SECONDS = 8;

/** Asks for a second press before an irreversible action: the first one changes the button's label for a moment. */
export function isConfirmed(pressed: HTMLElement, event: UIEvent): boolean {
  const words = pressed.querySelector<HTMLElement>("[data-confirm]");
  if (!words) return true;
  // The second half of a double click is no confirmation.
  if ("asked" in pressed.dataset) return event.detail < 2;
  const former = words.textContent;
  words.textContent = words.dataset["confirm"] ?? "";
  pressed.dataset["asked"] = "";
  announce(words.textContent);
  setTimeout(() => {
    words.textContent = former;
    delete pressed.dataset["asked"];
  }, CONFIRM_SECONDS * 1000);
  return false;
}
