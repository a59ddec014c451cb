// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
import { startArrivals } from "./arrivals";
import { startClock } from "./clock";
import { startDialogs } from "./dialogs";
import { startFollowing } from "./follow";
import { startLayingOut } from "./lay_out";
import { startLightbox } from "./lightbox";
import { startListening } from "./listen";
import { startLive } from "./live";
import { startReactions } from "./reactions";
import { startSharing } from "./share";
import { startToast } from "./toast";

const starts = [
  startReactions,
  startFollowing,
  startDialogs,
  startSharing,
  startToast,
  startArrivals,
  startLightbox,
  startListening,
  startClock,
  startLive,
  startLayingOut,
  keepPages,
  () => document.documentElement.classList.add("js"),
];
// Each is a task of its own: between two of them the browser shows what is read, and answers who scrolls.
for (const start of starts) setTimeout(start);

function keepPages(): void {
  if ("serviceWorker" in navigator) navigator.serviceWorker.register("/sw.js").catch(() => undefined);
}
