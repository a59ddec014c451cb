// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Shows a post's images in full size: a strip to swipe, with buttons and keys.
import { openDialog } from "./dialogs";
import { all, onPress } from "./page";
import { say, strings } from "./strings";

let at = 0;

export function startLightbox(): void {
  const dialog = document.getElementById("lightbox");
  const strip = dialog?.querySelector<HTMLElement>("[data-strip]");
  if (!(dialog instanceof HTMLDialogElement) || !strip) return;
  onPress("a[data-lightbox]", (pressed, event) => {
    event.preventDefault();
    const album = all<HTMLAnchorElement>("a[data-lightbox]", pressed.closest(".album") ?? document);
    strip.replaceChildren(...album.map(slide));
    // Not every browser lets the keyboard reach a region that scrolls.
    strip.tabIndex = album.length > 1 ? 0 : -1;
    openDialog(dialog);
    go(album.indexOf(pressed as HTMLAnchorElement));
  });
  onPress("[data-step]", (pressed) => go(at + Number(pressed.dataset["step"])));
  dialog.addEventListener("keydown", (event) => {
    const by = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
    if (!by) return;
    event.preventDefault();
    go(at + by);
  });
  strip.addEventListener("scroll", () => show(Math.round(strip.scrollLeft / strip.clientWidth)), { passive: true });
  // The same image stays in view when the phone is turned.
  addEventListener("resize", () => dialog.open && go(at));

  function go(to: number): void {
    if (!strip) return;
    at = (to + strip.children.length) % strip.children.length;
    strip.scrollTo({ left: at * strip.clientWidth, behavior: "auto" });
    show(at);
  }

  function show(number: number): void {
    const slides = all(":scope > li", strip ?? document);
    at = number;
    slides.forEach((each, place) => (each.inert = place !== number));
    write("[data-slot=alt]", slides[number]?.querySelector("img")?.alt ?? "");
    write("[data-slot=position]", slides.length > 1 ? say(strings.imageOf, { number: number + 1, total: slides.length }) : "");
    for (const button of all("[data-step]", dialog ?? document)) button.hidden = slides.length < 2;
  }

  function write(selector: string, text: string): void {
    // A screen reader speaks the change.
    for (const place of all(selector, dialog ?? document)) if (place.textContent !== text) place.textContent = text;
  }
}

function slide(link: HTMLAnchorElement): HTMLElement {
  const small = link.querySelector("img");
  const image = document.createElement("img");
  image.loading = "lazy";
  image.alt = small?.alt ?? "";
  image.src = link.href;
  const place = document.createElement("li");
  place.append(image);
  return place;
}
