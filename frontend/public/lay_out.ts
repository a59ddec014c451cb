// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The first frame leaves out posts below the first screen (_post.scss). Each gets its layout when the browser has nothing
// else to do: until then screen readers are also told what styles hide in it (docs/decisions/0065).
import { all } from "./page";

export function startLayingOut(): void {
  layOut(all("#posts .post"));
}

function layOut([post, ...others]: HTMLElement[]): void {
  if (!post) return document.documentElement.classList.add("laid-out");
  post.style.contentVisibility = "visible";
  whenIdle(() => layOut(others));
}

function whenIdle(act: () => void): void {
  if ("requestIdleCallback" in window) requestIdleCallback(act);
  else setTimeout(act);
}
