// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Stores for offline use: scripts, styles and fonts, the pages last read, their images.
import { BADGE, worker } from "./worker";

declare const BUILD: string;

const PARTS_PREFIX = "canale-parts-";
const PARTS = PARTS_PREFIX + BUILD;
const PAGES = "canale-pages";
const IMAGES = "canale-images";
const KEPT: Record<string, number> = { [PARTS]: 60, [PAGES]: 20, [IMAGES]: 60 };
const OFFLINE = "/offline";
const PATIENCE_SECONDS = 6;
// When the answer was stored, in milliseconds of the device's clock.
const KEPT_AT = "X-Kept-At";

export function startCaching(): void {
  worker.addEventListener("install", (event) => event.waitUntil(install()));
  worker.addEventListener("activate", (event) => event.waitUntil(activate()));
  worker.addEventListener("fetch", onFetch);
}

async function install(): Promise<void> {
  const page = await fetch(OFFLINE, { cache: "reload" });
  if (!page.ok) throw new Error(`${OFFLINE}: ${page.status}`);
  const parts = await caches.open(PARTS);
  // Notifications load the badge from the browser's own cache: this puts it there.
  const names = [...partsOf(await page.clone().text()), BADGE];
  await Promise.all(names.map((name) => parts.add(name).catch(() => undefined)));
  await parts.put(OFFLINE, page);
  await keepOpenPages();
  // Pages work with any version of this worker, so the new one need not wait until all are closed.
  await worker.skipWaiting();
}

/** Returns the addresses of the scripts, styles and fonts that a page's elements load. Its styles name more fonts, which
 * few pages need. */
function partsOf(html: string): string[] {
  const quoted = html.match(/"\/static\/[\w./-]+\.(?:css|js|woff2)"/g) ?? [];
  return Array.from(new Set(quoted.map((name) => name.slice(1, -1))));
}

/** Stores the open pages: they were loaded before this worker was installed. */
async function keepOpenPages(): Promise<void> {
  const open = await worker.clients.matchAll({ type: "window", includeUncontrolled: true });
  for (const { url } of open.slice(0, 3)) {
    if (isPrivate(new URL(url).pathname)) continue;
    const request = new Request(url.replace(/#.*/, ""));
    await fetch(request).then((answer) => remember(request, answer)).catch(() => undefined);
  }
}

async function activate(): Promise<void> {
  const names = (await caches.keys()).filter((name) => name.startsWith(PARTS_PREFIX) && name !== PARTS);
  // Pages stored before this build need the parts of the previous one.
  await Promise.all(names.slice(0, -1).map((name) => caches.delete(name)));
  await worker.clients.claim();
}

function onFetch(event: FetchEvent): void {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin || isPrivate(url.pathname)) return;
  if (url.pathname.startsWith("/static/")) event.respondWith(keptFirst(event, PARTS));
  else if (/^\/c\/[^/]+\/avatar-/.test(url.pathname)) event.respondWith(keptFirst(event, IMAGES));
  else if (/^\/c\/[^/]+\/image\//.test(url.pathname)) event.respondWith(freshImage(event));
  else if (request.mode === "navigate") event.respondWith(freshFirst(event, url));
}

/** Returns true for the newsroom, the API and the stream, which are never answered from a cache. */
function isPrivate(path: string): boolean {
  return /^\/(newsroom|api|live|sw\.js|healthz|readyz)/.test(path);
}

async function keptFirst(event: FetchEvent, name: string): Promise<Response> {
  const kept = await caches.match(event.request);
  if (kept) return kept;
  const answer = await fetch(event.request);
  if (answer.status === 200) event.waitUntil(keep(name, event.request, answer.clone()));
  return answer;
}

/** Asks the server for an image even if it is stored: a withdrawn one must not be shown again. */
async function freshImage(event: FetchEvent): Promise<Response> {
  const images = await caches.open(IMAGES);
  const kept = await images.match(event.request);
  const fresh = fetch(event.request);
  event.waitUntil(fresh.then((answer) => rememberImage(event.request, answer.clone())).catch(() => undefined));
  try {
    return await (kept ? Promise.race([fresh, after(PATIENCE_SECONDS, kept)]) : fresh);
  } catch {
    return kept ?? Response.error();
  }
}

async function rememberImage(request: Request, answer: Response): Promise<void> {
  if (answer.status === 200) await keep(IMAGES, request, answer);
  else if (isGone(answer)) await (await caches.open(IMAGES)).delete(request);
}

function isGone(answer: Response): boolean {
  return answer.status === 404 || answer.status === 410;
}

async function freshFirst(event: FetchEvent, url: URL): Promise<Response> {
  const fresh = fetch(event.request);
  event.waitUntil(fresh.then((answer) => remember(event.request, answer.clone())).catch(() => undefined));
  try {
    const kept = await keptPage(url);
    // Without a stored page, wait as long as the browser does.
    return await (kept ? Promise.race([fresh, after(PATIENCE_SECONDS, kept)]) : fresh);
  } catch {
    const kept = await keptPage(url);
    return kept ?? (await caches.match(OFFLINE)) ?? Response.error();
  }
}

async function remember(request: Request, answer: Response): Promise<void> {
  const isPage = answer.headers.get("Content-Type")?.startsWith("text/html");
  const address = addressOf(new URL(request.url));
  if (answer.ok && isPage) await keep(PAGES, address, answer);
  // An expired post is not readable offline, either.
  else if (isGone(answer)) await (await caches.open(PAGES)).delete(address);
}

/** Returns the address under which a page is stored: an invitation's code, or a parameter that another site added,
 * leads to the same page (canale/public/page_keys.py). */
function addressOf(url: URL): string {
  const before = url.searchParams.get("before");
  return url.pathname + (before ? `?before=${encodeURIComponent(before)}` : "");
}

async function keptPage(url: URL): Promise<Response | undefined> {
  const kept = await foundPage(url);
  return kept && (await upToNow(kept));
}

/** Writes the server's time into a stored page: its date plus the time since. Even a clock that is wrong measures how
 * much time passed. */
async function upToNow(kept: Response): Promise<Response> {
  const then = Date.parse(kept.headers.get("Date") ?? "");
  const keptAt = Number(kept.headers.get(KEPT_AT) ?? NaN);
  if (isNaN(then) || isNaN(keptAt)) return kept;
  const now = then + Math.max(0, Date.now() - keptAt);
  const html = (await kept.text()).replace(/ data-now="\d+"/, ` data-now="${now}"`);
  return new Response(html, { status: kept.status, headers: kept.headers });
}

async function foundPage(url: URL): Promise<Response | undefined> {
  const pages = await caches.open(PAGES);
  const kept = await pages.match(addressOf(url));
  if (kept || url.pathname !== "/") return kept;
  // The front page shows the channel.
  const channels = (await pages.keys()).filter((key) => /^\/c\/[^/]+\/$/.test(new URL(key.url).pathname));
  const last = channels.at(-1);
  return last && (await pages.match(last));
}

/** Stores an answer, and removes the oldest ones beyond the limit. */
async function keep(name: string, request: Request | string, answer: Response): Promise<void> {
  const cache = await caches.open(name);
  await cache.put(request, name === PAGES ? stamped(answer) : answer);
  const keys = await cache.keys();
  const tooMany = Math.max(0, keys.length - (KEPT[name] ?? 0));
  await Promise.all(keys.slice(0, tooMany).map((key) => cache.delete(key)));
}

function stamped(answer: Response): Response {
  const headers = new Headers(answer.headers);
  headers.set(KEPT_AT, String(Date.now()));
  // The stored body is no longer compressed.
  for (const name of ["Content-Encoding", "Content-Length"]) headers.delete(name);
  return new Response(answer.body, { status: answer.status, headers });
}

function after<T>(seconds: number, value: T): Promise<T> {
  return new Promise((resolve) => setTimeout(() => resolve(value), seconds * 1000));
}
