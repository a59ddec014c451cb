// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Runs before the first frame, so that followers never see a stranger's page turn into theirs.
import { notedState } from "./device";

const state = notedState();
if (state) {
  document.documentElement.dataset["follows"] = state;
  document.documentElement.dataset["knownFollower"] = "";
}
