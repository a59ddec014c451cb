// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// The invitation that brought this reader: its code is kept from page to page, and counts once on a device.
import { isInviteUsed, keepInvite, keptInvite, noteInviteUsed } from "./device";

// An app that was installed from an invitation starts with its code each time (canale/public/views/files.py).
const CODE = /[?&]i=([a-z0-9]{4,16})(?=&|$)/;

let code: string | undefined;

/** Notes the code in this page's address, or the one that an earlier page of this visit had. */
export function receiveInvite(): void {
  const carried = CODE.exec(location.search)?.[1];
  // The app then stands at the channel's own address, as a page that was opened without a code does.
  if (carried) history.replaceState(history.state, "", withoutCode());
  const given = document.body.dataset["invite"] ?? carried ?? keptInvite();
  code = given && !isInviteUsed(given) ? given : undefined;
  keepInvite(code);
}

function withoutCode(): string {
  const query = new URLSearchParams(location.search);
  query.delete("i");
  const left = query.toString();
  return location.pathname + (left && `?${left}`) + location.hash;
}

/** Returns the code to send with a follow; undefined once it has counted. */
export function invitation(): string | undefined {
  return code;
}

/** Marks the code as used, by a new follower or an earlier one: it counts no more on this device. */
export function useInvite(): void {
  if (code) noteInviteUsed(code);
  code = undefined;
  keepInvite(undefined);
}
