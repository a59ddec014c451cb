// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// What a device keeps: the parts of the page, and the last pages read.
import { worker } from "./worker";

declare const BUILD: string;

const PARTS = "canale-parts-" + BUILD;
const PAGES = "canale-pages";
const IMAGES = "canale-images";
const IMAGES_KEPT = 60;
const PAGES_KEPT = 20;
const PATIENCE_SECONDS = 6;

export function startCaching(): void {
  worker.addEventListener("install", (event) => event.waitUntil(install()));
  worker.addEventListener("activate", (event) => event.waitUntil(activate()));
  worker.addEventListener("fetch", onFetch);
}

async function install(): Promise<void> {
  const cache = await caches.open(PARTS);
  await cache.add(new Request("/offline", { cache: "reload" }));
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
  const names = await caches.keys();
  const old = names.filter((name) => name.startsWith("canale-parts-") && name !== PARTS);
  await Promise.all(old.map((name) => caches.delete(name)));
  await worker.clients.claim();
}

function onFetch(event: FetchEvent): void {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  // The newsroom, the API and the stream are never answered from memory.
  if (/^\/(newsroom|api|live|sw\.js)/.test(url.pathname)) return;
  if (url.pathname.startsWith("/static/")) event.respondWith(keptFirst(event, PARTS));
  else if (/\/(image\/|avatar-)/.test(url.pathname)) event.respondWith(keptFirst(event, IMAGES));
  else if (request.mode === "navigate") event.respondWith(freshFirst(event));
}

async function keptFirst(event: FetchEvent, name: string): Promise<Response> {
  const cache = await caches.open(name);
  const kept = await cache.match(event.request);
  if (kept) return kept;
  const answer = await fetch(event.request);
  if (answer.ok) event.waitUntil(keep(cache, event.request, answer.clone()));
  return answer;
}

async function keep(cache: Cache, request: Request, answer: Response): Promise<void> {
  await cache.put(request, answer);
  const keys = await cache.keys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - IMAGES_KEPT)).map((key) => cache.delete(key)));
}

async function freshFirst(event: FetchEvent): Promise<Response> {
  const cache = await caches.open(PAGES);
  try {
    const answer = await fetch(event.request, { signal: AbortSignal.timeout(PATIENCE_SECONDS * 1000) });
    if (answer.ok) event.waitUntil(keepPage(cache, event.request, answer.clone()));
    // A post that is over is over offline too.
    if (answer.status === 410) event.waitUntil(cache.delete(event.request));
    return answer;
  } catch {
    const kept = await cache.match(event.request, { ignoreSearch: true });
    return kept ?? (await caches.match("/offline")) ?? Response.error();
  }
}

async function keepPage(cache: Cache, request: Request, answer: Response): Promise<void> {
  await cache.put(request, answer);
  const keys = await cache.keys();
  await Promise.all(keys.slice(0, Math.max(0, keys.length - PAGES_KEPT)).map((key) => cache.delete(key)));
}
