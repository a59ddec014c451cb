// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The citizen follows, mutes, chooses topics, stops, is forgotten: one state at a time.
import { ApiError, call } from "./api";
import { browser, canBeNotified, isKnown, needsHomeScreen, setKnown } from "./device";
import { all, channel, invite, language, onPress } from "./page";
import { PushRefused, current, hasKey, subscribe, unsubscribe } from "./push";
import { markMine } from "./reactions";
import { announce, strings } from "./strings";

export type State =
  | "follow" | "asking" | "following" | "muted" | "ios-home-screen"
  | "denied" | "unsupported" | "private-window" | "offline" | "error";

interface Following {
  channel: string;
  muted: boolean;
  topics: string[];
  push: boolean;
}

interface Me {
  following: Following[];
  reactions: Record<string, string>;
}

let followed: Following | undefined;

export function startFollowing(): void {
  if (!document.getElementById("follow")) return;
  onPress("[data-action]", (pressed) => void act(pressed));
  void recall();
}

async function act(pressed: HTMLElement): Promise<void> {
  const actions: Record<string, () => Promise<void> | void> = {
    subscribe: follow,
    "enable-notifications": follow,
    retry: follow,
    mute: () => change({ muted: true }),
    unmute: () => change({ muted: false }),
    "topics-save": () => change({ topics: chosenTopics() }),
    unfollow,
    forget,
    close: () => (followed ? showFollowing() : show("follow")),
  };
  const action = actions[pressed.dataset["action"] ?? ""];
  if (!action) return;
  pressed.setAttribute("aria-busy", "true");
  try {
    await action();
  } finally {
    pressed.removeAttribute("aria-busy");
  }
}

/** Who was here before sees what holds; the rest is as the server wrote it. */
async function recall(): Promise<void> {
  if (!isKnown() && !(await current())) return;
  try {
    const me = await call<Me>("GET", "me");
    markMine(me.reactions);
    setKnown(me.following.length > 0 || Object.keys(me.reactions).length > 0);
    followed = me.following.find((one) => one.channel === channel);
    if (followed) {
      await keepAddress(followed);
      showFollowing();
    }
  } catch {
    // Without the network the page is still the page.
  }
}

/** Browsers renew subscriptions by themselves, and cities may change their key. */
async function keepAddress(following: Following): Promise<void> {
  if (!canBeNotified() || Notification.permission !== "granted") {
    following.push = false;
    return;
  }
  const subscription = await current();
  if (subscription && hasKey(subscription) && following.push) return;
  followed = await send(await subscribe());
}

async function follow(): Promise<void> {
  if (needsHomeScreen()) return show("ios-home-screen");
  if (!canBeNotified()) return show("unsupported");
  if (!navigator.onLine) return show("offline");
  show("asking");
  try {
    followed = await send(await subscribe());
    showFollowing();
    announce(strings.following);
    document.querySelector<HTMLElement>("#follow-state")?.focus();
  } catch (error) {
    show(error instanceof PushRefused ? error.refusal : stateOf(error));
  }
}

async function send(push: PushSubscriptionJSON): Promise<Following> {
  const body = { push, topics: followed?.topics ?? [], language, ...(invite ? { invite } : {}) };
  const answer = await call<Following>("POST", `channels/${channel}/followers`, body);
  setKnown(true);
  return answer;
}

function stateOf(error: unknown): State {
  return error instanceof ApiError || navigator.onLine ? "error" : "offline";
}

async function change(what: { muted?: boolean; topics?: string[] }): Promise<void> {
  try {
    followed = await call<Following>("PATCH", "me", { channel, ...what });
    showFollowing();
    announce(strings.saved);
  } catch {
    announce(strings.failed);
    notice(strings.failed);
  }
}

function chosenTopics(): string[] {
  return all<HTMLInputElement>("#follow-state input[name=topic]:checked").map((box) => box.value);
}

async function unfollow(): Promise<void> {
  await end(`me?channel=${channel}`, strings.unfollowed);
}

async function forget(): Promise<void> {
  if (await end("me", strings.forgotten)) {
    setKnown(false);
    markMine({});
  }
}

async function end(path: string, said: string): Promise<boolean> {
  try {
    await call("DELETE", path);
  } catch {
    notice(strings.failed);
    announce(strings.failed);
    return false;
  }
  await unsubscribe().catch(() => undefined);
  followed = undefined;
  show("follow");
  notice(said);
  announce(said);
  return true;
}

function showFollowing(): void {
  if (!followed) return;
  show(followed.muted ? "muted" : "following");
  for (const box of all<HTMLInputElement>("#follow-state input[name=topic]")) {
    box.checked = followed.topics.includes(box.value);
  }
  for (const part of all("#follow-state [data-without-push]")) part.hidden = followed.push;
}

export function show(state: State): void {
  const place = document.getElementById("follow-state");
  const template = document.getElementById("state-" + state);
  if (!place || !(template instanceof HTMLTemplateElement)) return;
  place.replaceChildren(template.content.cloneNode(true));
  document.getElementById("follow")?.setAttribute("data-state", state);
  const mine = browser();
  for (const part of all("[data-browser]", place)) part.hidden = part.dataset["browser"] !== mine;
}

function notice(text: string): void {
  const place = document.querySelector<HTMLElement>("#follow-state [data-slot=notice]");
  if (place) {
    place.textContent = text;
    place.hidden = false;
  }
}
