// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The service worker: shows notifications, opens the right post, keeps the last posts for offline.
import { startCaching } from "./offline";
import { startPush } from "./push";

startCaching();
startPush();
