// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
import "htmx.org";
import { startColours } from "./colours";
import { startComposer } from "./composer";
import { startCounts } from "./counts";
import { startForms } from "./forms";
import { startImages } from "./images";
import { startSetup } from "./setup";

document.documentElement.classList.add("js");
startForms();
startComposer();
startCounts();
startImages();
startSetup();
startColours();
