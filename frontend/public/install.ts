// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Offers to install the channel as an app, where the browser can.
import { isInstallRefused, isInstalled, refuseInstall } from "./device";
import { onPress } from "./page";

/** https://wicg.github.io/manifest-incubations/#beforeinstallpromptevent-interface */
interface BeforeInstallPromptEvent extends Event {
  prompt(): Promise<unknown>;
  readonly userChoice: Promise<{ outcome: "accepted" | "dismissed" }>;
}

// It can be used once.
let prompt: BeforeInstallPromptEvent | undefined;
let isWanted = false;

export function startInstalling(): void {
  addEventListener("beforeinstallprompt", (event) => {
    // Otherwise the browser would ask, too.
    event.preventDefault();
    prompt = event as BeforeInstallPromptEvent;
    show();
  });
  addEventListener("appinstalled", () => {
    prompt = undefined;
    show();
  });
  onPress("[data-install]", (pressed) => void answer(pressed.dataset["install"] === "yes"));
}

/** Shows the offer once the browser makes one, or hides it. */
export function offerInstall(wanted: boolean): void {
  isWanted = wanted;
  show();
}

function show(): void {
  const offer = document.getElementById("install");
  if (!offer) return;
  const hadFocus = offer.contains(document.activeElement);
  offer.hidden = !isWanted || !prompt || isInstalled() || isInstallRefused();
  if (offer.hidden && hadFocus) document.querySelector<HTMLElement>("#follow-state .state")?.focus();
}

async function answer(isYes: boolean): Promise<void> {
  const asked = prompt;
  if (isYes && asked) {
    await asked.prompt();
    const { outcome } = await asked.userChoice;
    if (outcome === "dismissed") refuseInstall();
  } else {
    refuseInstall();
  }
  prompt = undefined;
  show();
}
