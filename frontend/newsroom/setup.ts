// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The first set-up: derives the address from the name until somebody edits it.

export function startSetup(): void {
  const name = document.querySelector<HTMLInputElement>("[data-setup] #id_name");
  const handle = document.querySelector<HTMLInputElement>("[data-setup] #id_handle");
  if (!name || !handle) return;
  let own = handle.value !== "";
  handle.addEventListener("input", () => (own = handle.value !== ""));
  name.addEventListener("input", () => {
    if (!own) handle.value = suggested(name.value);
  });
}

function suggested(name: string): string {
  const plain = name.normalize("NFD").replace(/[\u0300-\u036f]/g, "").toLowerCase();
  const words = plain.replace(/^(comune|citta|regione|provincia) (di|della|del|dell')\s*/, "");
  return words.replace(/[^a-z0-9]+/g, "-").replace(/^-+|-+$/g, "").slice(0, 40);
}
