// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The album: pick, drop or paste images, describe each, move it up.

const LARGEST_BYTES = 15 * 1024 * 1024;

export function startImages(): void {
  const album = document.querySelector<HTMLElement>("[data-images]");
  const slots = album?.querySelector<HTMLElement>("[data-slots]");
  const picker = album?.querySelector<HTMLInputElement>("[data-picker]");
  if (!album || !slots || !picker) return;
  const take = (files: Iterable<File>): void => {
    album.querySelector("[data-error=images]")?.replaceChildren();
    for (const file of files) addSlot(album, slots, file);
    number(slots);
  };
  picker.addEventListener("change", () => {
    take(picker.files ?? []);
    picker.value = "";
  });
  const form = album.closest("form");
  form?.addEventListener("paste", (event) => {
    // Word processors put a picture of the text on the clipboard beside the text.
    const clipboard = event.clipboardData;
    if (clipboard?.files.length && !clipboard.types.includes("text/plain")) take(clipboard.files);
  });
  const holdsFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
  form?.addEventListener("dragover", (event) => holdsFiles(event) && event.preventDefault());
  form?.addEventListener("drop", (event) => {
    if (!holdsFiles(event)) return;
    event.preventDefault();
    take(event.dataTransfer?.files ?? []);
  });
  slots.addEventListener("click", (event) => act(slots, event.target as Element));
  number(slots);
}

function addSlot(album: HTMLElement, slots: HTMLElement, file: File): void {
  const template = document.getElementById("slot") as HTMLTemplateElement | null;
  if (!template) return;
  if (slots.children.length >= Number(album.dataset["limit"])) return refuse(album, "tooMany", file);
  if (!file.type.startsWith("image/")) return refuse(album, "notImage", file);
  if (file.size > LARGEST_BYTES) return refuse(album, "tooHeavy", file);
  const slot = template.content.firstElementChild?.cloneNode(true) as HTMLElement;
  const holder = new DataTransfer();
  holder.items.add(file);
  slot.querySelector<HTMLInputElement>("[data-part=file]")!.files = holder.files;
  slot.querySelector("img")!.src = URL.createObjectURL(file);
  slots.append(slot);
  slots.hidden = false;
  slot.querySelector<HTMLTextAreaElement>("textarea")?.focus();
}

function refuse(album: HTMLElement, reason: string, file: File): void {
  const message = document.createElement("p");
  message.textContent = `${album.dataset[reason]} ${file.name}`;
  album.querySelector("[data-error=images]")?.append(message);
}

function act(slots: HTMLElement, pressed: Element): void {
  const slot = pressed.closest("[data-slot]");
  if (!slot) return;
  if (pressed.closest("[data-remove]")) slot.remove();
  else if (pressed.closest("[data-move]") && slot.previousElementSibling) slot.previousElementSibling.before(slot);
  else return;
  number(slots);
  slots.dispatchEvent(new Event("input", { bubbles: true }));
}

/** Renumbers the slots, because the server reads them in the order of their numbers. */
function number(slots: HTMLElement): void {
  slots.hidden = slots.children.length === 0;
  Array.from(slots.children).forEach((slot, index) => {
    for (const part of slot.querySelectorAll<HTMLInputElement>("[data-part]")) {
      part.name = `image-${index + 1}-${part.dataset["part"]}`;
    }
  });
}
