// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The notes that this device keeps, and its abilities.
import { channel } from "./page";

const PREFIX = "canale-";
// Set if the device has a cookie of ours: 70,000 readers without one need not ask the server.
const KNOWN = PREFIX + "known";

export function isKnown(): boolean {
  return read(KNOWN) === "1";
}

export function setKnown(known: boolean): void {
  note(KNOWN, known ? "1" : undefined);
}

/** `off`: the device follows, and shows no notifications. */
type Noted = "following" | "muted" | "off" | undefined;
const STATE = PREFIX + "state-" + channel;

/** Remembers the last state on this channel, which the next page shows before the server answers. */
export function noteState(state: Noted): void {
  note(STATE, state);
}

export function notedState(): Noted {
  const state = read(STATE);
  if (state !== "following" && state !== "muted" && state !== "off") return undefined;
  return state === "following" && !mayBeNotified() ? "off" : state;
}

// Set if the citizen declined to install the channel as an app.
const NOT_INSTALLED = PREFIX + "not-installed";

export function isInstallRefused(): boolean {
  return read(NOT_INSTALLED) === "1";
}

export function refuseInstall(): void {
  note(NOT_INSTALLED, "1");
}

// Codes of invitations that have counted on this device. The server keeps nothing of those who leave; *forget me*
// clears this, too.
const USED_INVITES = PREFIX + "used-invites";
const MAX_USED = 20;

export function isInviteUsed(code: string): boolean {
  return usedInvites().includes(code);
}

export function noteInviteUsed(code: string): void {
  note(USED_INVITES, [...usedInvites(), code].slice(-MAX_USED).join(" "));
}

function usedInvites(): string[] {
  return (read(USED_INVITES) ?? "").split(" ").filter(Boolean);
}

// The code that brought this visit's reader; for as long as the tab is open.
const INVITE = PREFIX + "invite-" + channel;

export function keepInvite(code: string | undefined): void {
  note(INVITE, code, "sessionStorage");
}

export function keptInvite(): string | undefined {
  return read(INVITE, "sessionStorage", "") || undefined;
}

type StorageName = "localStorage" | "sessionStorage";

function note(name: string, value: string | undefined, storage: StorageName = "localStorage"): void {
  try {
    if (value) window[storage].setItem(name, value);
    else window[storage].removeItem(name);
  } catch {
    // Without storage, the device asks the server each time whether it follows.
  }
}

export function forgetNotes(): void {
  try {
    for (const storage of [localStorage, sessionStorage]) {
      for (const name of Object.keys(storage)) if (name.startsWith(PREFIX)) storage.removeItem(name);
    }
  } catch {
    // Without storage there are no notes.
  }
}

function read(name: string, storage: StorageName = "localStorage", unreadable = "1"): string | undefined {
  try {
    return window[storage].getItem(name) ?? undefined;
  } catch {
    return unreadable;
  }
}

/** Returns true if the browser accepts cookies: without one, each reaction would count as a new reader's. */
export function keepsCookies(): boolean {
  try {
    document.cookie = "canale_probe=1; Path=/; SameSite=Lax";
    const kept = document.cookie.includes("canale_probe=1");
    document.cookie = "canale_probe=; Path=/; SameSite=Lax; Max-Age=0";
    return kept;
  } catch {
    return false;
  }
}

function keepsNotes(): boolean {
  try {
    return localStorage !== null;
  } catch {
    return false;
  }
}

export type Browser = "chrome" | "firefox" | "safari" | "samsung" | "other";

export function browser(agent: string = navigator.userAgent): Browser {
  if (/SamsungBrowser/.test(agent)) return "samsung";
  if (/Firefox|FxiOS/.test(agent)) return "firefox";
  if (/Chrome|CriOS|Edg/.test(agent)) return "chrome";
  if (/Safari/.test(agent)) return "safari";
  return "other";
}

export type System = "android" | "ios" | "other";

export function system(agent: string = navigator.userAgent): System {
  if (/Android/.test(agent)) return "android";
  return /iPhone|iPad|iPod/.test(agent) || isTabletThatSaysMac() ? "ios" : "other";
}

/** Returns true for a browser inside another app, which has neither notifications nor a home screen. */
export function isInApp(agent: string = navigator.userAgent): boolean {
  return /FBA[NV]|FB_IAB|Instagram|LinkedInApp|Snapchat|Pinterest|Twitter|Line\/|musical_ly|Bytedance|; wv\)/.test(agent);
}

/** Returns an address that Android opens in Chrome or, without Chrome, here again:
 * https://developer.chrome.com/docs/android/intents */
export function chromeIntent({ host, pathname, search, protocol, href }: Location): string {
  const fallback = encodeURIComponent(href);
  const target = `scheme=${protocol.replace(":", "")};package=com.android.chrome`;
  return `intent://${host}${pathname}${search}#Intent;${target};S.browser_fallback_url=${fallback};end`;
}

/** Returns true for an iPhone or iPad, which has notifications only for pages on its home screen. */
export function needsHomeScreen(): boolean {
  return system() === "ios" && !isInstalled() && !("PushManager" in window);
}

/** Returns true if the page was opened as an app. */
export function isInstalled(): boolean {
  return matchMedia("(display-mode: standalone)").matches;
}

function isTabletThatSaysMac(): boolean {
  return /Macintosh/.test(navigator.userAgent) && navigator.maxTouchPoints > 1;
}

export function canBeNotified(): boolean {
  return "serviceWorker" in navigator && "PushManager" in window && "Notification" in window;
}

/** Returns true if the device shows our notifications: the citizen may have turned them off since the last visit. */
export function mayBeNotified(): boolean {
  return canBeNotified() && Notification.permission === "granted";
}

/** Returns true in private windows of older Firefoxes: only those lack service workers. */
export function hidesWorkers(): boolean {
  return browser() === "firefox" && isSecureContext && !("serviceWorker" in navigator);
}

/** Returns true if this is certainly a private window. Browsers do not say, but give those less storage. */
export async function isPrivate(): Promise<boolean> {
  // With the site's storage blocked, all windows look private.
  if (!keepsCookies() || !keepsNotes()) return false;
  return (await hasNoFiles()) || (await hasLittleRoom());
}

// The sign of Firefox and Safari.
async function hasNoFiles(): Promise<boolean> {
  try {
    await navigator.storage?.getDirectory?.();
    return false;
  } catch {
    return true;
  }
}

// The sign of Chrome: in normal windows the quota is a share of the disk.
async function hasLittleRoom(): Promise<boolean> {
  const estimate = await navigator.storage?.estimate?.().catch(() => undefined);
  const memory = (performance as { memory?: { jsHeapSizeLimit: number } }).memory?.jsHeapSizeLimit;
  return estimate?.quota !== undefined && memory !== undefined && estimate.quota < memory * 2;
}
