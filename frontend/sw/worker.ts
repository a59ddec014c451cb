// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
export const worker = self as unknown as ServiceWorkerGlobalScope;

/** The white icon in Android's status bar (canale/channel/badge_drawing.py). Increase the version with each drawing. */
export const BADGE = "/badge.png?v=1";
