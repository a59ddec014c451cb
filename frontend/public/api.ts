// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Calls to /api/v1.

import { hearServer } from "./now";

/** RFC 9457. */
interface Problem {
  type?: string;
  detail?: string;
  errors?: Record<string, string[]>;
}

export class ApiError extends Error {
  constructor(
    readonly status: number,
    readonly problem: Problem,
  ) {
    super(problem.detail ?? String(status));
  }
}

/** Returns true if the server will never accept this device's address. */
export function refusesAddress(error: unknown): boolean {
  if (!(error instanceof ApiError) || error.status !== 422) return false;
  const { type = "", errors = {} } = error.problem;
  return type.endsWith("/address-refused") || Object.keys(errors).some((field) => /^push\b/.test(field));
}

const SECONDS = 15;

export async function call<T>(method: string, path: string, body?: unknown): Promise<T> {
  const options: RequestInit = { method, signal: timeout(), cache: "no-store" };
  if (method !== "GET" && method !== "DELETE") {
    options.headers = { "Content-Type": "application/json" };
    options.body = JSON.stringify(body ?? {});
  }
  const answer = await fetch("/api/v1/" + path, options);
  hearServer(answer);
  const text = await answer.text();
  const result = text ? JSON.parse(text) : undefined;
  if (!answer.ok) throw new ApiError(answer.status, result ?? {});
  return result as T;
}

function timeout(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => controller.abort(), SECONDS * 1000);
  return controller.signal;
}
