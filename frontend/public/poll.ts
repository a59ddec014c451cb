// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Finds new posts without the stream, when that has no free place: from the page in the server's memory.
import { noteArrival } from "./arrivals";
import { hearServer, now } from "./now";
import { all, channel } from "./page";
import { isNewestPage, isShown, put, removeExpired, withdraw } from "./posts";
import { remark } from "./reactions";
import { announce, say, strings } from "./strings";

/** Brings the page up to date and returns the number of the stream's last line that it now includes. */
export async function poll(seen: number): Promise<number> {
  const answer = await fetch(`/c/${channel}/`, { cache: "no-cache" });
  hearServer(answer);
  if (!answer.ok) return seen;
  const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
  const newest = Number(fresh.body.dataset["liveId"] ?? 0);
  if (newest <= seen) return seen;
  // An expired post is missing from the new page, but was not withdrawn.
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

/** Withdraws the posts that are missing from the new page. If that page is not complete, a post older than its oldest
 * one may have moved to the next page. */
function withdrawMissing(articles: HTMLElement[], whole: boolean): void {
  const there = new Set(articles.map((one) => one.dataset["post"]));
  const oldest = articles.at(-1)?.dataset["published"];
  for (const shown of all("#posts article.post")) {
    const inRange = whole || (oldest !== undefined && (shown.dataset["published"] ?? "") > oldest);
    if (inRange && !there.has(shown.dataset["post"])) withdraw(shown.dataset["post"] ?? "");
  }
}
