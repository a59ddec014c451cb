// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Sharing and inviting: the phone's own sheet, else a dialog with links.
import { call } from "./api";
import { openDialog } from "./dialogs";
import { all, channel, onPress } from "./page";
import { strings } from "./strings";
import { showFailure } from "./toast";

export function startSharing(): void {
  onPress("[data-share]", (pressed) => void share(pressed));
  onPress("[data-action=invite]", (pressed) => void invite(pressed));
  onPress("[data-copy]", (pressed) => void copy(pressed));
}

async function share(pressed: HTMLElement): Promise<void> {
  const url = pressed.dataset["url"] ?? location.href;
  const title = pressed.dataset["title"] ?? document.title;
  await offer("share-dialog", url, title);
}

async function offer(dialogId: string, url: string, title: string): Promise<void> {
  if ("share" in navigator && matchMedia("(pointer: coarse)").matches) {
    try {
      await navigator.share({ url, title });
      return;
    } catch (error) {
      if (error instanceof DOMException && error.name === "AbortError") return;
    }
  }
  openSheet(dialogId, url, title);
}

function openSheet(dialogId: string, url: string, title: string): void {
  const dialog = document.getElementById(dialogId);
  if (!(dialog instanceof HTMLDialogElement)) return;
  for (const link of all<HTMLAnchorElement>("[data-href-template]", dialog)) {
    link.href = (link.dataset["hrefTemplate"] ?? "")
      .replace("{url}", encodeURIComponent(url))
      .replace("{title}", encodeURIComponent(title));
  }
  for (const field of all<HTMLInputElement>("[data-slot=url]", dialog)) field.value = url;
  for (const part of all("[data-slot=copied]", dialog)) part.textContent = "";
  openDialog(dialog);
}

async function invite(pressed: HTMLElement): Promise<void> {
  const title = pressed.dataset["title"] ?? document.title;
  try {
    const made = await call<{ url: string; qr: string }>("POST", `channels/${channel}/invites`);
    const code = document.querySelector<HTMLImageElement>("#invite-dialog [data-slot=invite-qr]");
    if (code) code.src = new URL(made.qr).pathname;
    openSheet("invite-dialog", made.url, title);
  } catch {
    showFailure(strings.failed);
  }
}

async function copy(pressed: HTMLElement): Promise<void> {
  const place = pressed.closest("dialog, #follow-state");
  const field = place?.querySelector<HTMLInputElement>("[data-slot=url]");
  const said = place?.querySelector<HTMLElement>("[data-slot=copied]");
  if (!field || !said) return;
  try {
    await navigator.clipboard.writeText(field.value);
    said.textContent = strings.copied;
  } catch {
    field.select();
    said.textContent = strings.copyFailed;
  }
}
