// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// A post's images, large, one after the other.
import { all, onPress } from "./page";
import { say, strings } from "./strings";

let album: HTMLAnchorElement[] = [];
let at = 0;

export function startLightbox(): void {
  const dialog = document.getElementById("lightbox");
  if (!(dialog instanceof HTMLDialogElement)) return;
  onPress("a[data-lightbox]", (pressed, event) => {
    event.preventDefault();
    album = all<HTMLAnchorElement>("a[data-lightbox]", pressed.closest(".album") ?? document);
    at = album.indexOf(pressed as HTMLAnchorElement);
    show(dialog);
    dialog.showModal();
  });
  onPress("[data-step]", (pressed) => step(dialog, Number(pressed.dataset["step"])));
  dialog.addEventListener("keydown", (event) => {
    if (event.key === "ArrowRight") step(dialog, 1);
    if (event.key === "ArrowLeft") step(dialog, -1);
  });
  dialog.addEventListener("click", (event) => event.target === dialog && dialog.close());
}

function step(dialog: HTMLDialogElement, by: number): void {
  at = (at + by + album.length) % album.length;
  show(dialog);
}

function show(dialog: HTMLDialogElement): void {
  const link = album[at];
  const picture = dialog.querySelector("img");
  const small = link?.querySelector("img");
  if (!link || !picture) return;
  picture.src = link.href;
  picture.alt = small?.alt ?? "";
  for (const place of all("[data-slot=alt]", dialog)) place.textContent = picture.alt;
  for (const place of all("[data-slot=position]", dialog)) {
    place.textContent = album.length > 1 ? say(strings.imageOf, { number: at + 1, total: album.length }) : "";
  }
  for (const button of all("[data-step]", dialog)) button.hidden = album.length < 2;
}
