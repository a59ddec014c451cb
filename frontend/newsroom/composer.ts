// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The composer: handles errors and an expired session without losing any text.

export function startComposer(): void {
  const form = document.querySelector<HTMLFormElement>("[data-composer]");
  if (!form) return;
  guard(form);
  form.addEventListener("submit", (event) => void send(form, event as SubmitEvent));
}

let unsaved = false;

function guard(form: HTMLFormElement): void {
  form.addEventListener("input", () => (unsaved = true));
  addEventListener("beforeunload", (event) => {
    if (unsaved) event.preventDefault();
  });
}

/** Submits by script, so that the page and its chosen files stay when the form has errors. */
async function send(form: HTMLFormElement, event: SubmitEvent): Promise<void> {
  event.preventDefault();
  const submitter = event.submitter as HTMLButtonElement | null;
  const data = new FormData(form, submitter);
  if (submitter) submitter.disabled = true;
  try {
    const page = await fetch(location.href);
    if (refused(form, page)) return;
    data.set("csrfmiddlewaretoken", tokenIn(await page.text()));
    const headers = { Accept: "application/json" };
    const answer = await fetch(form.action || location.href, { method: "POST", body: data, headers });
    if (refused(form, answer)) return;
    if (answer.headers.get("Content-Type") === "application/json") {
      const { location: next } = (await answer.json()) as { location: string };
      unsaved = false;
      location.assign(next);
    } else {
      showErrors(form, await answer.text());
    }
  } catch {
    alert(form.dataset["unsaved"]);
  } finally {
    if (submitter) submitter.disabled = false;
  }
}

/** Shows why saving failed, and what to do with the text that is still here. */
function refused(form: HTMLFormElement, answer: Response): boolean {
  const signedOut = new URL(answer.url).pathname.startsWith("/newsroom/accounts/");
  if (signedOut) alert(form.dataset["signedOut"]);
  else if (answer.status === 404) alert(form.dataset["gone"]);
  else if (answer.status === 503) alert(form.dataset["away"]);
  return signedOut || [404, 503].includes(answer.status);
}

/** Reads the token from the page as just fetched: signing in again in another tab has invalidated
 * the form's, and scripts cannot read the cookie. */
function tokenIn(html: string): string {
  const fields = new DOMParser().parseFromString(html, "text/html");
  return fields.querySelector<HTMLInputElement>("[name=csrfmiddlewaretoken]")?.value ?? "";
}

function showErrors(form: HTMLFormElement, html: string): void {
  const answer = new DOMParser().parseFromString(html, "text/html");
  let first: HTMLElement | undefined;
  for (const place of form.querySelectorAll<HTMLElement>("[data-error]")) {
    const fresh = answer.querySelector(`[data-error="${place.dataset["error"]}"]`);
    place.replaceChildren(...(fresh?.childNodes ?? []));
    if (place.childElementCount && !first) first = place;
  }
  if (!first) return alert(form.dataset["unsaved"]);
  takeMark(form, answer);
  first.scrollIntoView({ block: "center" });
  const field = first.closest(".field, fieldset")?.querySelector<HTMLElement>("input, textarea, select");
  field?.focus({ preventScroll: true });
}

/** After the notice that the draft changed, the next press may overwrite that version. */
function takeMark(form: HTMLFormElement, answer: Document): void {
  const fresh = answer.querySelector<HTMLInputElement>("[data-composer] [name=seen]");
  const mark = form.querySelector<HTMLInputElement>("[name=seen]");
  if (fresh && mark) mark.value = fresh.value;
}
