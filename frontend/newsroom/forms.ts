// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// For every form: ask before an irreversible action, and submit only once.

export function startForms(): void {
  document.addEventListener("click", (event) => {
    const button = (event.target as Element | null)?.closest<HTMLElement>("[data-confirm]");
    if (button && !confirm(button.dataset["confirm"])) event.preventDefault();
  });
  document.addEventListener("submit", (event) => {
    const button = (event as SubmitEvent).submitter;
    if (!(button instanceof HTMLButtonElement) || !("once" in button.dataset)) return;
    // Later, because a disabled button is not submitted with its form.
    setTimeout(() => (button.disabled = true));
  });
  // Enable the button again when the person returns from the next page.
  addEventListener("pageshow", () => {
    for (const button of document.querySelectorAll<HTMLButtonElement>("[data-once]")) button.disabled = false;
  });
}
