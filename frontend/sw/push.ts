// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Turns push messages into notifications; a press on one opens its post.
import { BADGE, worker } from "./worker";

/** Declarative Web Push (W3C Push API): Safari shows it without this worker. */
interface Declared {
  web_push: 8030;
  notification: NotificationOptions & { title: string; navigate: string };
}

interface Followed {
  channel: string;
  topics: string[];
  language: string;
}

interface SubscriptionChange extends ExtendableEvent {
  readonly oldSubscription?: PushSubscription | null;
  readonly newSubscription?: PushSubscription | null;
}

export function startPush(): void {
  worker.addEventListener("push", (event) => event.waitUntil(show(event.data)));
  worker.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(open(String(event.notification.data?.navigate ?? "/")));
  });
  worker.addEventListener("pushsubscriptionchange", (event) => {
    const change = event as SubscriptionChange;
    change.waitUntil(resubscribe(change));
  });
}

// Always shows something: browsers withdraw the permission from sites whose messages show nothing.
async function show(data: PushMessageData | null): Promise<void> {
  const declared = read(data);
  if (!declared) return await showUnreadable();
  const { title, navigate, ...options } = declared.notification;
  const shown = { badge: BADGE, ...options, data: { ...options.data, navigate } };
  try {
    await worker.registration.showNotification(title, shown);
  } catch {
    // The browser does not support an option, or this combination.
    const { body, lang, tag } = options;
    const plain = { ...(body && { body }), ...(lang && { lang }), ...(tag && { tag }) };
    await worker.registration.showNotification(title, { ...plain, data: shown.data });
  }
}

function read(data: PushMessageData | null): Declared | undefined {
  try {
    const message = data?.json() as Declared;
    return message.web_push === 8030 && message.notification.title ? message : undefined;
  } catch {
    return undefined;
  }
}

async function showUnreadable(): Promise<void> {
  const italian = navigator.language.startsWith("it");
  const title = italian ? "C’è una novità nel canale" : "There is news in the channel";
  const body = italian ? "Tocca per leggerla." : "Tap to read it.";
  const lang = italian ? "it" : "en";
  await worker.registration.showNotification(title, { body, lang, tag: "canale-news", badge: BADGE, data: { navigate: "/" } });
}

async function open(address: string): Promise<void> {
  const url = new URL(address, location.origin);
  if (url.origin !== location.origin) return;
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  // A tab of the newsroom may hold unsaved text.
  const readers = pages.filter((page) => !new URL(page.url).pathname.startsWith("/newsroom"));
  const there = readers.find((page) => page.url === url.href) ?? readers[0];
  if (!there) {
    await worker.clients.openWindow(url.href);
    return;
  }
  const page = await there.focus().catch(() => there);
  if (page.url === url.href) return;
  await page.navigate(url.href).catch(() => worker.clients.openWindow(url.href));
}

/** Sends the device's new address to every channel that it follows. */
async function resubscribe(change: SubscriptionChange): Promise<void> {
  const followed = await followedChannels();
  const first = followed[0];
  if (!first) return;
  const given = change.newSubscription ?? (await subscribeAgain(change, first.channel));
  if (await bring(given, followed)) return;
  // The browser returns the same unusable address until it is unsubscribed.
  await given.unsubscribe();
  await bring(await subscribeAgain(change, first.channel), followed);
}

/** Returns false if the server cannot use the address. */
async function bring(subscription: PushSubscription, followed: Followed[]): Promise<boolean> {
  const answers = await Promise.all(
    followed.map(({ channel, topics, language }) =>
      fetch(`/api/v1/channels/${channel}/followers`, {
        method: "POST",
        headers: { "Content-Type": "application/json" },
        body: JSON.stringify({ push: subscription.toJSON(), topics, language }),
      }),
    ),
  );
  return answers.every((answer) => answer.status !== 422);
}

async function followedChannels(): Promise<Followed[]> {
  const answer = await fetch("/api/v1/me", { cache: "no-store" });
  return ((await answer.json()) as { following: Followed[] }).following;
}

async function subscribeAgain(change: SubscriptionChange, channel: string): Promise<PushSubscription> {
  const applicationServerKey = change.oldSubscription?.options.applicationServerKey ?? (await pushKey(channel));
  return await worker.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey });
}

async function pushKey(channel: string): Promise<string> {
  const answer = await fetch(`/api/v1/channels/${channel}`, { cache: "no-store" });
  return ((await answer.json()) as { vapid_public_key: string }).vapid_public_key;
}
