// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Small courtesies of every form: ask before what cannot be undone, and send once.

export function startForms(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element | null)?.closest<HTMLElement>("[data-confirm]");
    if (button && !confirm(button.dataset["confirm"])) event.preventDefault();
  });
  document.addEventListener("submit", (event) => {
    const button = (event as SubmitEvent).submitter;
    if (!(button instanceof HTMLButtonElement) || !("once" in button.dataset)) return;
    // After the press: a disabled button would not be sent with its form.
    setTimeout(() => (button.disabled = true));
  });
  // Back from the next page, the button works again.
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-once]")) button.disabled = false;
  });
}
