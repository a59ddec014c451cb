// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Calls of /api/v1.

export class ApiError extends Error {
  constructor(
    readonly status: number,
    message: string,
  ) {
    super(message);
  }
}

const SECONDS = 15;

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const options: RequestInit = { method, signal: timeout(), cache: "no-store" };
  if (method !== "GET" && method !== "DELETE") {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body ?? {});
  }
  const answer = await fetch("/api/v1/" + path, options);
  const text = await answer.text();
  const said = text ? JSON.parse(text) : undefined;
  if (!answer.ok) throw new ApiError(answer.status, said?.detail ?? answer.statusText);
  return said as T;
}

function timeout(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), SECONDS * 1000);
  return controller.signal;
}
