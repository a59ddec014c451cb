// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Following, muting, topics, unfollowing and erasing the device's data: one state at a time.
import { ApiError, call, refusesAddress } from "./api";
import { isConfirmed } from "./confirm";
import {
  browser, canBeNotified, chromeIntent, forgetNotes, hidesWorkers, isInApp, isKnown, keepsCookies, mayBeNotified,
  needsHomeScreen, noteState, notedState, setKnown, system,
} from "./device";
import { offerInstall, startInstalling } from "./install";
import { invitation, receiveInvite, useInvite } from "./invitation";
import { all, channel, language, onPress } from "./page";
import { PushRefused, current, hasKey, isDead, subscribe, unsubscribe } from "./push";
import { markMine } from "./reactions";
import { announce, say, strings } from "./strings";
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
// The site's other channels that this device follows: all share one push subscription.
let others: Following[] = [];
// True if the citizen followed on this page: its head keeps its height until the next page.
let isNew = false;
// True if `followed` is what the device noted, because the server did not answer.
let isRemembered = false;

export function startFollowing(): void {
  if (!document.getElementById("follow")) return;
  onPress("#follow [data-action]", (pressed, event) => {
    if (isConfirmed(pressed, event as UIEvent)) void act(pressed.dataset["action"] ?? "");
  });
  onPress("#follow [data-action=settings]", () => openSettings(!areSettingsOpen()));
  onPress("#follow [data-action=reload]", () => void reload());
  document.addEventListener("change", (event) => {
    if ((event.target as Element).matches("#topics input")) void saveTopics();
  });
  startInstalling();
  receiveInvite();
  addEventListener("online", () => {
    if (stateIs("offline")) void act("close");
    if (isRemembered) void recall();
  });
  void recall();
}

function stateIs(state: State): boolean {
  return document.getElementById("follow")?.dataset["state"] === state;
}

const ACTIONS: Record<string, () => Promise<void> | void> = {
  subscribe: follow,
  "enable-notifications": follow,
  retry: follow,
  mute,
  unfollow,
  undo,
  forget,
  close: () => (followed ? showFollowing() : show("follow")),
};

let acting = false;
async function act(name: string): Promise<void> {
  const action = ACTIONS[name];
  // The browser's prompt may go unnoticed, so *close* always works.
  if (!action || (acting && name !== "close")) return;
  acting = true;
  try {
    await action();
  } finally {
    acting = false;
    // The server may answer again: then the settings can be shown.
    if (isRemembered && followed && stateIs(stateOf(followed))) void recall();
  }
}

/** Shows the current state to a device that was here before; for others the server's page is right. */
async function recall(): Promise<void> {
  if (!isKnown() && !notedState() && !(await current())) return;
  try {
    const me = await call<Me>("GET", "me");
    markMine(me.reactions);
    setKnown(me.following.length > 0 || Object.keys(me.reactions).length > 0);
    others = me.following.filter((one) => one.channel !== channel);
    followed = me.following.find((one) => one.channel === channel);
  } catch {
    return showRemembered();
  }
  if (acting) return;
  if (!followed) forgetState();
  if (!followed && isRemembered) show("follow");
  isRemembered = false;
  // The server dropped this subscription because its push service reported it gone; without this, the next press
  // would get the same one again.
  if (![followed, ...others].some((one) => one?.push)) await unsubscribe().catch(() => undefined);
  if (!followed || acting) return;
  useInvite();
  // A post's own page has nothing to offer to followers.
  document.documentElement.dataset["knownFollower"] = "";
  showFollowing();
  await keepUp(followed).catch(noteLoss);
  if (!acting) showFollowing();
}

/** Shows what the device noted while the server does not answer; the settings say that they are not there. */
function showRemembered(): void {
  const noted = notedState();
  if (acting || followed || !noted) return;
  followed = { channel, muted: noted === "muted", topics: [], language, push: noted !== "off" };
  isRemembered = true;
  showFollowing();
}

let reloading: Promise<void> | undefined;

async function reload(): Promise<void> {
  await (reloading ??= recall().finally(() => (reloading = undefined)));
  if (isRemembered) showFailure(strings.failed);
}

/** Takes back what the first frame showed from the device's notes (before_paint.ts). */
function forgetState(): void {
  noteState(undefined);
  delete document.documentElement.dataset["follows"];
  delete document.documentElement.dataset["knownFollower"];
}

/** Keeps the state if renewing failed but the device has an address that the server accepted. */
async function noteLoss(error: unknown): Promise<void> {
  const left = error instanceof PushRefused ? null : await current().catch(() => null);
  if (followed) followed = { ...followed, push: followed.push && left !== null };
}

/** Renews the subscription: browsers replace addresses, cities their key, and readers their language. */
async function keepUp(known: Following): Promise<void> {
  if (!mayBeNotified()) {
    followed = { ...known, push: false };
    return;
  }
  const subscription = await current();
  const fits = subscription !== null && hasKey(subscription) && !isDead(subscription) && known.push;
  if (fits && known.language === language) return;
  followed = await reach();
}

/** Sends this device's address to the server; a second one if it can never use the first. Throws PushRefused. */
async function reach(topics = followed?.topics ?? []): Promise<Following> {
  try {
    return await send(await subscribe(), topics);
  } catch (error) {
    if (!refusesAddress(error)) throw error;
  }
  try {
    const push = await subscribe(true);
    const following = await send(push, topics);
    await Promise.allSettled(others.map((one) => bring(push, one)));
    return following;
  } catch (error) {
    throw refusesAddress(error) ? new PushRefused("unreachable") : error;
  }
}

async function follow(): Promise<void> {
  if (needsHomeScreen()) return show(isInApp() ? "unsupported" : "ios-home-screen");
  if (!keepsCookies()) return show("blocked");
  if (!canBeNotified()) return show(hidesWorkers() ? "private-window" : "unsupported");
  if (!navigator.onLine) return show("offline");
  const isFirst = !followed;
  show("asking");
  try {
    followed = await reach();
    isNew ||= isFirst;
    if (isFirst) countFollowers(1);
    showFollowing(isFirst);
  } catch (error) {
    refuse(error);
  }
}

/** Adjusts the number on the page, which is up to a minute old and does not include this device. */
function countFollowers(more: number): void {
  for (const place of all("[data-followers]")) {
    const number = Number(place.dataset["followers"]) + more;
    place.dataset["followers"] = String(number);
    const shown = new Intl.NumberFormat(language, { useGrouping: true }).format(number);
    const words = number === 1 ? strings.oneFollower : say(strings.followers, { number: shown });
    place.textContent = number > 0 ? words : (place.dataset["none"] ?? "");
  }
}

function refuse(error: unknown): void {
  if (!(error instanceof PushRefused)) return show(error instanceof ApiError || navigator.onLine ? "error" : "offline");
  if (error.refusal !== "dismissed") return show(error.refusal);
  show(followed ? stateOf(followed) : "follow", { said: strings.dismissed });
}

async function send(push: PushSubscriptionJSON | null, topics: string[]): Promise<Following> {
  const answer = await bring(push, { channel, topics, language }, invitation());
  useInvite();
  setKnown(true);
  return answer;
}

type Choice = Pick<Following, "channel" | "topics" | "language">;

async function bring(push: PushSubscriptionJSON | null, choice: Choice, invite?: string): Promise<Following> {
  const { channel, topics, language } = choice;
  const body = { push, topics, language, ...(invite ? { invite } : {}) };
  return await call<Following>("POST", `channels/${channel}/followers`, body);
}

async function mute(): Promise<void> {
  await saving;
  if (await change({ muted: !followed?.muted })) showFollowing();
}

async function change(what: { muted?: boolean; topics?: string[] }): Promise<boolean> {
  if (!followed) return false;
  const { push } = followed;
  try {
    followed = { ...(await call<Following>("PATCH", "me", { channel, ...what })), push };
    return true;
  } catch {
    showFailure(strings.failed);
    return false;
  }
}

let saving: Promise<void> | undefined;
let isTapped = false;

/** Saves each tap; taps during a call are saved together by the next one. */
async function saveTopics(): Promise<void> {
  isTapped = true;
  await (saving ??= saveWhileTapped().finally(() => (saving = undefined)));
}

async function saveWhileTapped(): Promise<void> {
  while (isTapped) {
    isTapped = false;
    for (const place of all("[data-slot=saved]")) place.textContent = "";
    const topics = all<HTMLInputElement>("#topics input:checked").map((box) => box.value);
    const isSaved = await change({ topics });
    if (isTapped) continue;
    tickTopics();
    if (isSaved) for (const place of all("[data-slot=saved]")) place.textContent = strings.saved;
  }
}

function tickTopics(): void {
  for (const box of all<HTMLInputElement>("#topics input")) box.checked = followed?.topics.includes(box.value) ?? false;
}

const UNDO_SECONDS = 5;
let left: Following | undefined;

async function unfollow(): Promise<void> {
  const former = followed;
  if (!(await end(`me?channel=${channel}`, strings.unfollowed))) return;
  left = former;
  for (const button of all("#follow-state [data-action=undo]")) {
    button.hidden = false;
    withdrawLater(button);
  }
}

/** Keeps the button while the pointer or the focus is on it. */
function withdrawLater(button: HTMLElement): void {
  setTimeout(() => {
    if (button.matches(":is(:hover, :focus)")) withdrawLater(button);
    else button.classList.add("is-over");
  }, UNDO_SECONDS * 1000);
}

/** Follows again with the choices that this page still has: the server deleted everything at once. */
async function undo(): Promise<void> {
  if (!left) return;
  const { push, topics, muted } = left;
  try {
    followed = push ? await reach(topics) : await send(null, topics);
    if (muted) await change({ muted });
    countFollowers(1);
    showFollowing();
  } catch (error) {
    refuse(error);
  }
}

async function forget(): Promise<void> {
  if (!(await end("me", strings.forgotten))) return;
  others = [];
  forgetNotes();
  markMine({});
}

async function end(path: string, said: string): Promise<boolean> {
  await saving;
  try {
    await call("DELETE", path);
  } catch {
    showFailure(strings.failed);
    return false;
  }
  if (path === "me" || !others.length) await unsubscribe().catch(() => undefined);
  followed = undefined;
  countFollowers(-1);
  show("follow", { said });
  return true;
}

function stateOf({ muted }: Following): "muted" | "following" {
  return muted ? "muted" : "following";
}

function showFollowing(isWelcome = false): void {
  if (followed) show(stateOf(followed), { isWelcome });
}

function show(state: State, { said = "", isWelcome = false } = {}): void {
  const follow = document.getElementById("follow");
  const place = document.getElementById("follow-state");
  const template = document.getElementById("state-" + state);
  if (!follow || !place || !(template instanceof HTMLTemplateElement)) return;
  if (state === "muted") noteState(state);
  else if (state === "following") noteState(followed?.push ? state : "off");
  else if (state === "follow") noteState(undefined);
  // Open settings stay open when one of them changes.
  const open = areSettingsOpen();
  const before = place.contains(document.activeElement) ? document.activeElement : null;
  place.replaceChildren(template.content.cloneNode(true));
  follow.dataset["state"] = state;
  follow.toggleAttribute("data-welcome", isWelcome);
  // Followers get a head of one row.
  document.documentElement.toggleAttribute("data-follows", followed !== undefined && !isNew);
  openSettings(open, isWelcome);
  fill(place, said);
  keepFocus(place, before);
}

/** Shows the parts of a state that are for this device. */
function fill(place: HTMLElement, said: string): void {
  const shown = { browser: browser(), system: system() };
  for (const [name, own] of Object.entries(shown)) {
    for (const part of all(`[data-${name}]`, place)) part.hidden = part.dataset[name] !== own;
  }
  if (followed) for (const part of all("[data-without-push]", place)) part.hidden = followed.push;
  tickTopics();
  for (const field of all<HTMLInputElement>("[data-slot=url]", place)) field.value = location.href.replace(/#.*/, "");
  for (const link of all<HTMLAnchorElement>("[data-open-chrome]", place)) link.href = chromeIntent(location);
  for (const notice of all("[data-slot=notice]", place)) {
    notice.textContent = said;
    notice.hidden = !said;
  }
}

/** Keeps the focus on the pressed control. If that is gone, the line with the new state takes the focus and is read for
 * that reason; otherwise the line is announced. */
function keepFocus(place: HTMLElement, before: Element | null): void {
  const line = place.querySelector<HTMLElement>(".notice:not([hidden])") ?? place.querySelector<HTMLElement>(".state");
  const action = before instanceof HTMLElement ? before.dataset["action"] : undefined;
  const same = action && place.querySelector<HTMLElement>(`[data-action="${action}"]`);
  if (same && same.getClientRects().length) same.focus();
  else if (before && line) return line.focus();
  // A page that was just opened announces nothing.
  if (line && acting) announce(line.innerText.replace(/\s+/g, " "));
}

function areSettingsOpen(): boolean {
  return document.querySelector("#follow [data-action=settings]")?.getAttribute("aria-expanded") === "true";
}

/** Opens the settings. Right after following, topics and the offer to install are shown without them. */
function openSettings(open: boolean, isWelcome = false): void {
  document.querySelector("#follow [data-action=settings]")?.setAttribute("aria-expanded", String(open));
  const shown = { settings: open, topics: open || isWelcome, unloaded: open };
  for (const [id, wanted] of Object.entries(shown)) {
    const part = document.getElementById(id);
    if (part) part.hidden = !wanted || isRemembered !== (id === "unloaded");
  }
  offerInstall((open || isWelcome) && !isRemembered);
}
