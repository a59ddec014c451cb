// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The phone's Back closes a dialog, as in an app: an open dialog is an entry of the browser's history.
import { all, onPress } from "./page";

export function startDialogs(): void {
  // The page was reloaded while a dialog was open: nothing is left to close.
  if (openDialogId()) history.replaceState(null, "");
  onPress("[data-close-dialog]", (pressed) => pressed.closest("dialog")?.close());
  for (const dialog of all<HTMLDialogElement>("dialog")) {
    dialog.addEventListener("click", (event) => isBeside(dialog, event) && dialog.close());
    dialog.addEventListener("close", () => openDialogId() === dialog.id && history.back());
  }
  addEventListener("popstate", () => {
    for (const dialog of all<HTMLDialogElement>("dialog[open]")) if (openDialogId() !== dialog.id) dialog.close();
  });
}

export function openDialog(dialog: HTMLDialogElement): void {
  if (dialog.open) return;
  dialog.showModal();
  history.pushState({ dialog: dialog.id }, "");
}

/** Returns true for a press outside the dialog, or beside the image in it. */
function isBeside(dialog: HTMLDialogElement, { target, clientX, clientY }: MouseEvent): boolean {
  if (target !== dialog) return target instanceof Element && target.matches("[data-strip] > li");
  const { left, right, top, bottom } = dialog.getBoundingClientRect();
  return clientX < left || clientX > right || clientY < top || clientY > bottom;
}

function openDialogId(): string | undefined {
  return (history.state as { dialog?: string } | null)?.dialog;
}
