// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The citizen follows, mutes, chooses topics, stops, is forgotten: one state at a time.
import { ApiError, call, refusesAddress } from "./api";
import { browser, canBeNotified, hidesWorkers, isKnown, keepsCookies, needsHomeScreen, setKnown } from "./device";
import { all, channel, invite, language, onPress } from "./page";
import { PushRefused, current, hasKey, isDead, subscribe, unsubscribe } from "./push";
import { markMine } from "./reactions";
import { announce, strings } from "./strings";
import { showFailure } from "./toast";

type State =
  | "follow" | "asking" | "following" | "muted" | "ios-home-screen"
  | "denied" | "unsupported" | "unreachable" | "private-window" | "blocked" | "offline" | "error";

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
let others: Following[] = [];

export function startFollowing(): void {
  if (!document.getElementById("follow")) return;
  onPress("#follow [data-action]", (pressed) => void act(pressed.dataset["action"] ?? ""));
  onPress("#follow [data-action=settings]", () => openSettings(!areSettingsOpen()));
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
    others = me.following.filter((one) => one.channel !== channel);
    followed = me.following.find((one) => one.channel === channel);
  } catch {
    return; // Without the network the page is still the page.
  }
  if (acting) return;
  // A subscription of which the server knows nothing: its push service said that it is gone, and the next press would
  // get the same one again.
  if (![followed, ...others].some((one) => one?.push)) await unsubscribe().catch(() => undefined);
  if (!followed || acting) return;
  // A post's own page offers nothing to readers who follow already.
  document.documentElement.dataset["knownFollower"] = "";
  showFollowing();
  await keepUp(followed).catch(noteLoss);
  if (!acting) showFollowing();
}

/** What could not be renewed now holds for as long as the device has an address that the server took. */
async function noteLoss(error: unknown): Promise<void> {
  const left = error instanceof PushRefused ? null : await current().catch(() => null);
  if (followed) followed = { ...followed, push: followed.push && left !== null };
}

/** Browsers renew subscriptions by themselves, cities may change their key, readers their language. */
async function keepUp(known: Following): Promise<void> {
  if (!canBeNotified() || Notification.permission !== "granted") {
    followed = { ...known, push: false };
    return;
  }
  const subscription = await current();
  const fits = subscription !== null && hasKey(subscription) && !isDead(subscription) && known.push;
  if (fits && known.language === language) return;
  followed = await reach();
}

/** Give the server this device's address; once another one, if it can never use the first. Throws PushRefused. */
async function reach(): Promise<Following> {
  try {
    return await send(await subscribe());
  } catch (error) {
    if (!refusesAddress(error)) throw error;
  }
  try {
    const push = await subscribe(true);
    const following = await send(push);
    await Promise.allSettled(others.map((one) => bring(push, one)));
    return following;
  } catch (error) {
    throw refusesAddress(error) ? new PushRefused("unreachable") : error;
  }
}

async function follow(): Promise<void> {
  if (needsHomeScreen()) return show("ios-home-screen");
  if (!keepsCookies()) return show("blocked");
  if (!canBeNotified()) return show(hidesWorkers() ? "private-window" : "unsupported");
  if (!navigator.onLine) return show("offline");
  show("asking");
  try {
    followed = await reach();
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
  const answer = await bring(push, { channel, topics: followed?.topics ?? [], language }, invite);
  setKnown(true);
  return answer;
}

type Choice = Pick<Following, "channel" | "topics" | "language">;

async function bring(push: PushSubscriptionJSON, choice: Choice, invite?: string): Promise<Following> {
  const { channel, topics, language } = choice;
  const body = { push, topics, language, ...(invite ? { invite } : {}) };
  return await call<Following>("POST", `channels/${channel}/followers`, body);
}

async function change(what: { muted?: boolean; topics?: string[] }): Promise<void> {
  try {
    const { push } = followed ?? { push: true };
    followed = { ...(await call<Following>("PATCH", "me", { channel, ...what })), push };
    showFollowing();
    notice(strings.saved);
  } catch {
    showFailure(strings.failed);
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
  others = [];
  setKnown(false);
  markMine({});
}

async function end(path: string, said: string): Promise<boolean> {
  try {
    await call("DELETE", path);
  } catch {
    showFailure(strings.failed);
    return false;
  }
  if (path === "me" || !others.length) await unsubscribe().catch(() => undefined);
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
  const open = areSettingsOpen();
  place.replaceChildren(template.content.cloneNode(true));
  openSettings(open);
  document.getElementById("follow")?.setAttribute("data-state", state);
  // The head of the page is one row for those who know the channel.
  document.documentElement.toggleAttribute("data-follows", followed !== undefined);
  const mine = browser();
  for (const part of all("[data-browser]", place)) part.hidden = part.dataset["browser"] !== mine;
}

function areSettingsOpen(): boolean {
  return document.querySelector("#follow [data-action=settings]")?.getAttribute("aria-expanded") === "true";
}

function openSettings(open: boolean): void {
  document.querySelector("#follow [data-action=settings]")?.setAttribute("aria-expanded", String(open));
  const body = document.getElementById("settings");
  if (body) body.hidden = !open;
}

/** The place is a live region: what stands in it is also spoken. */
function notice(text: string): void {
  const place = document.querySelector<HTMLElement>("#follow-state [data-slot=notice]");
  if (!place) return announce(text);
  place.textContent = text;
  place.hidden = false;
}
