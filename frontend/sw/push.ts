// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Pushes become notifications; a press on one opens its post.
import { worker } from "./worker";

/** Declarative Web Push (W3C): Safari shows it by itself, the others through us. */
interface Declared {
  web_push: 8030;
  notification: NotificationOptions & { title: string; navigate: string };
}

export function startPush(): void {
  worker.addEventListener("push", (event) => event.waitUntil(onPush(event)));
  worker.addEventListener("notificationclick", (event) => {
    event.notification.close();
    event.waitUntil(open(String(event.notification.data?.navigate ?? "/")));
  });
  worker.addEventListener("pushsubscriptionchange", (event) =>
    (event as ExtendableEvent).waitUntil(resubscribe(event as SubscriptionChange)),
  );
}

async function onPush(event: PushEvent): Promise<void> {
  const declared = read(event.data);
  if (!declared) return await worker.registration.showNotification(fallbackTitle(), { data: { navigate: "/" } });
  const { title, navigate, ...options } = declared.notification;
  await worker.registration.showNotification(title, { ...options, data: { ...options.data, navigate } });
}

function read(data: PushMessageData | null): Declared | undefined {
  try {
    const said = data?.json() as Declared;
    return said.web_push === 8030 && said.notification.title ? said : undefined;
  } catch {
    return undefined;
  }
}

// Browsers end subscriptions that show nothing: an unreadable push is shown as what it surely is.
function fallbackTitle(): string {
  return navigator.language.startsWith("it") ? "C’è una novità nel canale" : "There is news in the channel";
}

async function open(address: string): Promise<void> {
  const url = new URL(address, location.origin);
  if (url.origin !== location.origin) return;
  const pages = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  const there = pages.find((page) => page.url === url.href) ?? pages.find((page) => page.focused);
  if (!there) {
    await worker.clients.openWindow(url.href);
    return;
  }
  const page = await there.focus().catch(() => there);
  if (page.url !== url.href) await page.navigate(url.href).catch(() => worker.clients.openWindow(url.href));
}

interface SubscriptionChange extends ExtendableEvent {
  readonly oldSubscription: PushSubscription | null;
  readonly newSubscription: PushSubscription | null;
}

/** The browser renewed its address: tell every channel that this device follows. */
async function resubscribe(event: SubscriptionChange): Promise<void> {
  const key = event.oldSubscription?.options.applicationServerKey;
  const fresh =
    event.newSubscription ??
    (key ? await worker.registration.pushManager.subscribe({ userVisibleOnly: true, applicationServerKey: key }) : null);
  if (!fresh) return;
  const answer = await fetch("/api/v1/me", { cache: "no-store" });
  const me = (await answer.json()) as { following: { channel: string; topics: string[]; language: string }[] };
  for (const { channel, topics, language } of me.following) {
    await fetch(`/api/v1/channels/${channel}/followers`, {
      method: "POST",
      headers: { "Content-Type": "application/json" },
      body: JSON.stringify({ push: fresh.toJSON(), topics, language }),
    });
  }
}
