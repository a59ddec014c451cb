// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
import { startArrivals } from "./arrivals";
import { startClock } from "./clock";
import { startDialogs } from "./dialogs";
import { startFollowing } from "./follow";
import { startLightbox } from "./lightbox";
import { startListening } from "./listen";
import { startLive } from "./live";
import { startReactions } from "./reactions";
import { startSharing } from "./share";
import { startToast } from "./toast";

document.documentElement.classList.add("js");
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/sw.js").catch(() => undefined);
}
startReactions();
startFollowing();
startLive();
startDialogs();
startSharing();
startToast();
startArrivals();
startLightbox();
startListening();
startClock();
