// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The citizen follows, mutes, chooses topics, stops, is forgotten: one state at a time.
import { ApiError, call, refusesAddress } from "./api";
import {
  browser, canBeNotified, chromeIntent, forgetNotes, hidesWorkers, isInApp, isKnown, keepsCookies, needsHomeScreen,
  noteState, notedState, setKnown, system,
} from "./device";
import { offerInstall, startInstalling } from "./install";
import { all, channel, invite, language, onPress } from "./page";
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
// The device has one subscription for all channels of the site.
let others: Following[] = [];
// An invitation counts once.
let invitation = invite;
// Followed while this page was open: its head stays as tall as it was.
let isNew = false;

export function startFollowing(): void {
  if (!document.getElementById("follow")) return;
  onPress("#follow [data-action]", (pressed, event) => {
    if (isConfirmed(pressed, event as UIEvent)) void act(pressed.dataset["action"] ?? "");
  });
  onPress("#follow [data-action=settings]", () => openSettings(!areSettingsOpen()));
  document.addEventListener("change", (event) => {
    if ((event.target as Element).matches("#topics input")) void saveTopics();
  });
  startInstalling();
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
  mute,
  unfollow,
  undo,
  forget,
  close: () => (followed ? showFollowing() : show("follow")),
};

let acting = false;
async function act(name: string): Promise<void> {
  const action = ACTIONS[name];
  // A browser may ask so quietly that nobody sees it: the way back stays open.
  if (!action || (acting && name !== "close")) return;
  acting = true;
  try {
    await action();
  } finally {
    acting = false;
  }
}

const CONFIRM_SECONDS = 8;

/** What cannot be undone takes a second press, in place: the first changes the button's words for a moment. */
function isConfirmed(pressed: HTMLElement, event: UIEvent): boolean {
  const words = pressed.querySelector<HTMLElement>("[data-confirm]");
  if (!words) return true;
  // The second half of a double click was not asked for.
  if ("asked" in pressed.dataset) return event.detail < 2;
  const former = words.textContent;
  words.textContent = words.dataset["confirm"] ?? "";
  pressed.dataset["asked"] = "";
  announce(words.textContent);
  setTimeout(() => {
    words.textContent = former;
    delete pressed.dataset["asked"];
  }, CONFIRM_SECONDS * 1000);
  return false;
}

/** Who was here before sees what holds; the rest is as the server wrote it. */
async function recall(): Promise<void> {
  if (!isKnown() && !notedState() && !(await current())) return;
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
  if (!followed) forgetState();
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

/** The first frame showed what the device remembered (before_paint.ts), and it no longer holds. */
function forgetState(): void {
  noteState(undefined);
  delete document.documentElement.dataset["follows"];
  delete document.documentElement.dataset["knownFollower"];
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

/** The number on the page is up to a minute old, and does not count who has just pressed. */
function countFollowers(more: number): void {
  for (const place of all("[data-followers]")) {
    const number = Number(place.dataset["followers"]) + more;
    place.dataset["followers"] = String(number);
    const shown = new Intl.NumberFormat(language).format(number);
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
  const answer = await bring(push, { channel, topics, language }, invitation);
  invitation = undefined;
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

/** Each tap is saved; taps during a call, all together by the next one. */
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

/** Whoever is on the button is still thinking. */
function withdrawLater(button: HTMLElement): void {
  setTimeout(() => {
    if (button.matches(":is(:hover, :focus)")) withdrawLater(button);
    else button.classList.add("is-over");
  }, UNDO_SECONDS * 1000);
}

/** At the server it was over at once, and nothing is kept there to come back to: this follows again, with the choices
 * that this page still knows. */
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
  if (state === "following" || state === "muted") noteState(state);
  else if (state === "follow") noteState(undefined);
  // Settings that are open stay open when one of them changes.
  const open = areSettingsOpen();
  const before = place.contains(document.activeElement) ? document.activeElement : null;
  place.replaceChildren(template.content.cloneNode(true));
  follow.dataset["state"] = state;
  follow.toggleAttribute("data-welcome", isWelcome);
  // The head of the page is one row for those who know the channel.
  document.documentElement.toggleAttribute("data-follows", followed !== undefined && !isNew);
  openSettings(open, isWelcome);
  fill(place, said);
  keepFocus(place, before);
}

/** Choose among the parts of a state those that are for this device. */
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

/** The focus stays on the control that was pressed. If that is gone, the line that says what holds now takes it, and is
 * read because of that; to all others it is announced. */
function keepFocus(place: HTMLElement, before: Element | null): void {
  const line = place.querySelector<HTMLElement>(".notice:not([hidden])") ?? place.querySelector<HTMLElement>(".state");
  const action = before instanceof HTMLElement ? before.dataset["action"] : undefined;
  const same = action && place.querySelector<HTMLElement>(`[data-action="${action}"]`);
  if (same) same.focus();
  else if (before && line) return line.focus();
  // A page that has just been opened says nothing unasked.
  if (line && acting) announce(line.innerText.replace(/\s+/g, " "));
}

function areSettingsOpen(): boolean {
  return document.querySelector("#follow [data-action=settings]")?.getAttribute("aria-expanded") === "true";
}

/** Topics and the offer to install come unasked once, to those who have just followed. */
function openSettings(open: boolean, isWelcome = false): void {
  document.querySelector("#follow [data-action=settings]")?.setAttribute("aria-expanded", String(open));
  const body = document.getElementById("settings");
  if (body) body.hidden = !open;
  const topics = document.getElementById("topics");
  if (topics) topics.hidden = !open && !isWelcome;
  offerInstall(open || isWelcome);
}
