// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The browser's side of Web Push (W3C Push API).
import { isPrivate } from "./device";
import { pushKey } from "./page";

export type Refusal = "dismissed" | "denied" | "private-window" | "unsupported" | "error";

export class PushRefused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal);
  }
}

const SECONDS = 20;

/** Ask the citizen and the browser. Throws PushRefused. */
export async function subscribe(): Promise<PushSubscriptionJSON> {
  // Nothing may be waited for before: browsers answer only a press that is fresh.
  const permission = await Notification.requestPermission();
  if (permission === "default") throw new PushRefused("dismissed");
  if (permission === "denied") throw new PushRefused((await isPrivate()) ? "private-window" : "denied");
  try {
    return (await within(SECONDS, renewed())).toJSON();
  } catch (error) {
    throw new PushRefused(await whyNot(error));
  }
}

async function renewed(): Promise<PushSubscription> {
  // Where the network was away when the page was opened, it is registered only now.
  await navigator.serviceWorker.register("/sw.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  const former = await pushManager.getSubscription();
  if (former && !hasKey(former)) await former.unsubscribe();
  return await pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: pushKey });
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

async function whyNot(error: unknown): Promise<Refusal> {
  if (await isPrivate()) return "private-window";
  const name = error instanceof Error ? error.name : "";
  if (name === "NotAllowedError") return "denied";
  return name === "NotSupportedError" ? "unsupported" : "error";
}

function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("timeout")), seconds * 1000);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
