// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The citizen follows, mutes, chooses topics, stops, is forgotten: one state at a time.
import { ApiError, call } from "./api";
import { browser, canBeNotified, hidesWorkers, isKnown, needsHomeScreen, setKnown } from "./device";
import { all, channel, invite, language, onPress } from "./page";
import { PushRefused, current, hasKey, subscribe, unsubscribe } from "./push";
import { markMine } from "./reactions";
import { announce, strings } from "./strings";

type State =
  | "follow" | "asking" | "following" | "muted" | "ios-home-screen"
  | "denied" | "unsupported" | "private-window" | "offline" | "error";

interface Following {
  channel: string;
  muted: boolean;
  topics: string[];
  language: string;
  push: boolean;
}

interface Me {
  following: Following[];
  reactions: Record<string, string>;
}

let followed: Following | undefined;
// The device has one subscription for all channels of the site.
let followsOthers = false;

export function startFollowing(): void {
  if (!document.getElementById("follow")) return;
  onPress("#follow [data-action]", (pressed) => void act(pressed.dataset["action"] ?? ""));
  document.addEventListener("submit", (event) => {
    if (!(event.target as Element).matches("form[data-topics]")) return;
    event.preventDefault();
    void act("topics-save");
  });
  addEventListener("online", () => stateIs("offline") && void act("close"));
  void recall();
}

function stateIs(state: State): boolean {
  return document.getElementById("follow")?.dataset["state"] === state;
}

const ACTIONS: Record<string, () => Promise<void> | void> = {
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

let acting = false;
async function act(name: string): Promise<void> {
  const action = ACTIONS[name];
  const place = document.getElementById("follow-state");
  // A browser may ask so quietly that nobody sees it: the way back stays open.
  if (!action || (acting && name !== "close")) return;
  acting = true;
  try {
    await action();
  } finally {
    acting = false;
  }
  // The button that was pressed may be gone: whoever was on it goes on from here.
  if (document.activeElement === document.body) place?.focus();
}

/** Who was here before sees what holds; the rest is as the server wrote it. */
async function recall(): Promise<void> {
  if (!isKnown() && !(await current())) return;
  try {
    const me = await call<Me>("GET", "me");
    markMine(me.reactions);
    setKnown(me.following.length > 0 || Object.keys(me.reactions).length > 0);
    followsOthers = me.following.some((one) => one.channel !== channel);
    followed = me.following.find((one) => one.channel === channel);
  } catch {
    return; // Without the network the page is still the page.
  }
  if (!followed || acting) return;
  showFollowing();
  await keepUp(followed).catch(() => (followed = { ...followed!, push: false }));
  if (!acting) showFollowing();
}

/** Browsers renew subscriptions by themselves, cities may change their key, readers their language. */
async function keepUp(known: Following): Promise<void> {
  if (!canBeNotified() || Notification.permission !== "granted") {
    followed = { ...known, push: false };
    return;
  }
  const subscription = await current();
  const fits = subscription !== null && hasKey(subscription) && known.push;
  if (!fits || known.language !== language) followed = await send(await subscribe());
}

async function follow(): Promise<void> {
  if (needsHomeScreen()) return show("ios-home-screen");
  if (!canBeNotified()) return show(hidesWorkers() ? "private-window" : "unsupported");
  if (!navigator.onLine) return show("offline");
  show("asking");
  try {
    followed = await send(await subscribe());
    showFollowing();
  } catch (error) {
    refuse(error);
  }
}

function refuse(error: unknown): void {
  if (!(error instanceof PushRefused)) return show(error instanceof ApiError || navigator.onLine ? "error" : "offline");
  if (error.refusal !== "dismissed") return show(error.refusal);
  if (followed) showFollowing();
  else show("follow");
  notice(strings.dismissed);
}

async function send(push: PushSubscriptionJSON): Promise<Following> {
  const body = { push, topics: followed?.topics ?? [], language, ...(invite ? { invite } : {}) };
  const answer = await call<Following>("POST", `channels/${channel}/followers`, body);
  setKnown(true);
  return answer;
}

async function change(what: { muted?: boolean; topics?: string[] }): Promise<void> {
  try {
    const { push } = followed ?? { push: true };
    followed = { ...(await call<Following>("PATCH", "me", { channel, ...what })), push };
    showFollowing();
    notice(strings.saved);
  } catch {
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
  if (!(await end("me", strings.forgotten))) return;
  followsOthers = false;
  setKnown(false);
  markMine({});
}

async function end(path: string, said: string): Promise<boolean> {
  try {
    await call("DELETE", path);
  } catch {
    notice(strings.failed);
    return false;
  }
  if (path === "me" || !followsOthers) await unsubscribe().catch(() => undefined);
  followed = undefined;
  show("follow");
  notice(said);
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

function show(state: State): void {
  const place = document.getElementById("follow-state");
  const template = document.getElementById("state-" + state);
  if (!place || !(template instanceof HTMLTemplateElement)) return;
  // Settings that are open stay open when one of them changes.
  const open = place.querySelector("details")?.open ?? false;
  place.replaceChildren(template.content.cloneNode(true));
  for (const part of all<HTMLDetailsElement>("details", place)) part.open = open;
  document.getElementById("follow")?.setAttribute("data-state", state);
  const mine = browser();
  for (const part of all("[data-browser]", place)) part.hidden = part.dataset["browser"] !== mine;
}

/** The place is a live region: what stands in it is also spoken. */
function notice(text: string): void {
  const place = document.querySelector<HTMLElement>("#follow-state [data-slot=notice]");
  if (!place) return announce(text);
  place.textContent = text;
  place.hidden = false;
}
