// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The suggested colours beside the field for the city's colour: a press fills the field.

export function startColours(): void {
  const field = document.querySelector<HTMLInputElement>(".colour-choice [name=colour]");
  if (!field) return;
  for (const button of document.querySelectorAll<HTMLButtonElement>("[data-colour]")) {
    button.addEventListener("click", () => {
      field.value = button.dataset["colour"] ?? field.value;
      field.dispatchEvent(new Event("input", { bubbles: true }));
    });
  }
}
