// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Where the stream has no place for us: what is new, from the page that the server keeps in its memory.
import { noteArrival } from "./arrivals";
import { hearServer, now } from "./now";
import { all, channel } from "./page";
import { isNewestPage, isShown, put, removeExpired, withdraw } from "./posts";
import { remark } from "./reactions";
import { announce, say, strings } from "./strings";

/** Brings the page up to date; the number of the stream's line that it is at from now on. */
export async function poll(seen: number): Promise<number> {
  const answer = await fetch(`/c/${channel}/`, { cache: "no-cache" });
  hearServer(answer);
  if (!answer.ok) return seen;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newest = Number(fresh.body.dataset["liveId"] ?? 0);
  if (newest <= seen) return seen;
  // What is over is not withdrawn.
  const moment = now();
  if (moment) removeExpired(moment);
  const articles = all("#posts article.post", fresh);
  withdrawMissing(articles, fresh.querySelector(".more") === null);
  for (const article of articles) take(article, fresh);
  return newest;
}

function take(article: HTMLElement, fresh: Document): void {
  const post = article.dataset["post"] ?? "";
  const isNew = !isShown(post);
  if (isNew && !isNewestPage()) return;
  const pinned = fresh.getElementById("pinned-" + post);
  put(post, { article, pinned, endsAlert: article.dataset["allClearOf"] });
  remark(post);
  if (!isNew) return;
  noteArrival(post);
  announce(say(strings.newPost, { headline: article.querySelector("h3")?.textContent?.trim() ?? "" }));
}

/** A post that should stand on the fresh page, and does not, was withdrawn; unless that page is the whole of them, what
 * is older than its oldest may have moved on to the next. */
function withdrawMissing(articles: HTMLElement[], whole: boolean): void {
  const there = new Set(articles.map((one) => one.dataset["post"]));
  const oldest = articles.at(-1)?.dataset["published"];
  for (const shown of all("#posts article.post")) {
    const inRange = whole || (oldest !== undefined && (shown.dataset["published"] ?? "") > oldest);
    if (inRange && !there.has(shown.dataset["post"])) withdraw(shown.dataset["post"] ?? "", strings.withdrawnNote);
  }
}
