// SPDX-FileCopyrightText: 2026 The canale authors
// SPDX-License-Identifier: AGPL-3.0-or-later
// Builds what browsers load into canale/static/: scripts, styles, fonts.
import { createHash } from "node:crypto";
import { existsSync } from "node:fs";
import { copyFile, mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { build, transform } from "esbuild";
import { compileAsync } from "sass";

const here = dirname(fileURLToPath(import.meta.url));
const target = join(here, "../canale/static");
const packages = join(here, "node_modules");
// Whole and uncompressed, for what the server draws: posters, avatars.
const PRINT_FONTS = ["400Regular", "700Bold"];
const FONTS = ["latin-400", "latin-700", "latin-ext-400", "latin-ext-700"];
// Cheap phones keep their browser for years.
const BROWSERS = ["chrome100", "firefox100", "safari15.4"];

// A part whose sources are not there is left out, so that each can be worked on alone.
function present(path) {
  if (existsSync(path)) return true;
  console.warn(`build: ${path} is missing`);
  return false;
}

async function script(entry, name, define = {}) {
  if (!present(join(here, entry))) return;
  await build({
    entryPoints: [join(here, entry)],
    outfile: join(target, name),
    bundle: true,
    minify: true,
    format: "iife",
    target: BROWSERS,
    legalComments: "none",
    logLevel: "warning",
    define,
  });
}

async function style(entry, name) {
  if (!present(join(here, "styles", entry))) return;
  const compiled = await compileAsync(join(here, "styles", entry), { loadPaths: [packages] });
  const minified = await transform(compiled.css, { loader: "css", minify: true, target: BROWSERS });
  await writeFile(join(target, name), minified.code);
}

async function fonts() {
  await mkdir(join(target, "fonts"));
  for (const font of FONTS) {
    const file = `titillium-web-${font}-normal.woff2`;
    await copyFile(join(packages, "@fontsource/titillium-web/files", file), join(target, "fonts", file));
  }
  for (const font of PRINT_FONTS) {
    const file = `TitilliumWeb_${font}.ttf`;
    await copyFile(join(packages, "@expo-google-fonts/titillium-web", font, file), join(target, "fonts", file));
  }
  // Titillium Web has no Greek, no Cyrillic and not every Latin letter of Europe.
  const other = "DejaVuSans-Bold.ttf";
  await copyFile(join(packages, "dejavu-fonts-ttf/ttf", other), join(target, "fonts", other));
}

// The service worker's caches carry the name of the build, so that a new one starts afresh.
async function version() {
  const hash = createHash("sha256");
  for (const name of ["public.js", "before-paint.js", "public.css"]) {
    if (existsSync(join(target, name))) hash.update(await readFile(join(target, name)));
  }
  return hash.digest("hex").slice(0, 12);
}

await rm(target, { recursive: true, force: true });
await mkdir(target, { recursive: true });
await Promise.all([
  fonts(),
  script("public/main.ts", "public.js"),
  script("public/before_paint.ts", "before-paint.js"),
  script("newsroom/main.ts", "newsroom.js"),
  style("public.scss", "public.css"),
  style("newsroom.scss", "newsroom.css"),
]);
await script("sw/main.ts", "sw.js", { BUILD: JSON.stringify(await version()) });
