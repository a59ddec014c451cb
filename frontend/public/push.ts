// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The browser's side of Web Push (W3C Push API).
import { pushKey } from "./page";

export type Refusal = "denied" | "private-window" | "unsupported" | "error";

export class PushRefused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal);
  }
}

const SECONDS = 20;

/** Ask the citizen and the browser. Throws PushRefused. */
export async function subscribe(): Promise<PushSubscriptionJSON> {
  const permission = await Notification.requestPermission();
  if (permission === "denied") throw new PushRefused(await whyDenied());
  if (permission !== "granted") throw new PushRefused("denied");
  const registration = await navigator.serviceWorker.ready;
  try {
    return (await renewed(registration)).toJSON();
  } catch (error) {
    throw new PushRefused(whyNot(error));
  }
}

async function renewed(registration: ServiceWorkerRegistration): Promise<PushSubscription> {
  const former = await registration.pushManager.getSubscription();
  if (former && !hasKey(former)) await former.unsubscribe();
  const asked = registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: pushKey });
  return await within(SECONDS, asked);
}

/** The subscription that the device has, if the citizen still allows it. */
export async function current(): Promise<PushSubscription | null> {
  if (!("serviceWorker" in navigator) || !("PushManager" in window)) return null;
  if (Notification.permission !== "granted") return null;
  const registration = await navigator.serviceWorker.getRegistration();
  return (await registration?.pushManager.getSubscription()) ?? null;
}

export async function unsubscribe(): Promise<void> {
  const subscription = await current();
  await subscription?.unsubscribe();
}

/** Whether it was made for the city's present key. */
export function hasKey(subscription: PushSubscription): boolean {
  const key = subscription.options.applicationServerKey;
  if (!key) return true;
  const text = btoa(String.fromCharCode(...new Uint8Array(key)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") === pushKey;
}

// Private windows refuse without asking anybody: Chrome says "denied" at once, and has little room.
async function whyDenied(): Promise<Refusal> {
  const estimate = await navigator.storage?.estimate?.().catch(() => undefined);
  const memory = (performance as { memory?: { jsHeapSizeLimit: number } }).memory?.jsHeapSizeLimit;
  const little = estimate?.quota !== undefined && memory !== undefined && estimate.quota < memory * 2;
  return little ? "private-window" : "denied";
}

function whyNot(error: unknown): Refusal {
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError") return "denied";
  if (name === "SecurityError" || name === "InvalidStateError") return "private-window";
  if (name === "NotSupportedError") return "unsupported";
  return "error";
}

function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("timeout")), seconds * 1000);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
