// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
import { startFollowing } from "./follow";
import { startLightbox } from "./lightbox";
import { startLive } from "./live";
import { startClock } from "./posts";
import { startReactions } from "./reactions";
import { startSharing } from "./share";
import { strings } from "./strings";

document.documentElement.classList.add("js");
if ("serviceWorker" in navigator) {
  navigator.serviceWorker.register("/sw.js").catch(() => undefined);
}
startReactions();
startFollowing();
startLive();
startSharing();
startLightbox();
startClock(strings.today, strings.yesterday);
