// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The browser's side of Web Push (W3C Push API).
import { isPrivate } from "./device";
import { pushKey } from "./page";

export type Refusal =
  | "dismissed" | "denied" | "private-window" | "unsupported" | "unreachable" | "blocked" | "error";

export class PushRefused extends Error {
  constructor(readonly refusal: Refusal) {
    super(refusal);
  }
}

const SECONDS = 20;

/** Asks for permission and subscribes; `afresh` replaces an existing subscription. Throws PushRefused. */
export async function subscribe(afresh = false): Promise<PushSubscriptionJSON> {
  // Nothing may be awaited before this: browsers show the prompt only right after a press.
  const permission = await Notification.requestPermission();
  if (permission === "default") throw new PushRefused("dismissed");
  if (permission === "denied") throw new PushRefused((await isPrivate()) ? "private-window" : "denied");
  try {
    return (await within(SECONDS, renewed(afresh))).toJSON();
  } catch (error) {
    throw new PushRefused(await whyNot(error));
  }
}

async function renewed(afresh: boolean): Promise<PushSubscription> {
  // Not yet registered if the page was opened without a network.
  await navigator.serviceWorker.register("/sw.js");
  const { pushManager } = await navigator.serviceWorker.ready;
  const former = await pushManager.getSubscription();
  if (former && (afresh || !hasKey(former) || isDead(former))) await former.unsubscribe();
  const options = { userVisibleOnly: true, applicationServerKey: pushKey };
  const given = await pushManager.subscribe(options);
  if (!isDead(given)) return given;
  // The browser returns the same dead address until it is unsubscribed.
  await given.unsubscribe();
  const another = await pushManager.subscribe(options);
  if (isDead(another)) throw new PushRefused("unreachable");
  return another;
}

/** Returns true for a host that cannot exist (RFC 6761): Edge on Android has https://permanently-removed.invalid/. */
export function isDead(subscription: PushSubscription): boolean {
  return /^https?:\/\/[^/?#]*\.invalid(?![^/?#:])/i.test(subscription.toJSON().endpoint ?? "");
}

/** Returns the device's subscription if notifications are still allowed. */
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

/** Returns true if the subscription was created with the city's current key. */
export function hasKey(subscription: PushSubscription): boolean {
  const key = subscription.options.applicationServerKey;
  if (!key) return true;
  const text = btoa(String.fromCharCode(...new Uint8Array(key)));
  return text.replace(/\+/g, "-").replace(/\//g, "_").replace(/=+$/, "") === pushKey;
}

const REFUSALS: Record<string, Refusal> = {
  NotAllowedError: "denied",
  NotSupportedError: "unsupported",
  SecurityError: "blocked",
};

// Browsers do not tell a push service that is briefly unavailable from one that they do not have at all.
let failures = 0;

async function whyNot(error: unknown): Promise<Refusal> {
  if (error instanceof PushRefused) return error.refusal;
  if (await isPrivate()) return "private-window";
  const name = error instanceof Error ? error.name : "";
  if (name === "AbortError" && ++failures > 1) return "unreachable";
  return REFUSALS[name] ?? "error";
}

function within<T>(seconds: number, promise: Promise<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(new Error("timeout")), seconds * 1000);
    promise.then(resolve, reject).finally(() => clearTimeout(timer));
  });
}
