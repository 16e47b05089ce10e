// Builds the page into plain files. What of npm went in is listed in packages.json, for licences and the bill of
// materials.

import { readFileSync, readdirSync } from "node:fs";
import { dirname, join } from "node:path";
import { type Plugin, defineConfig } from "vite";
import { type IconName, SHAPES } from "./src/view/shapes";

interface Packed {
  name: string;
  version: string;
  license: string;
  text: string;
}

const OWNER = /^(.*\/node_modules\/((?:@[^/]+\/)?[^/]+))\//;
const LICENSE_FILE = /^(licen[cs]e|copying|notice)/i;

/** The package a module belongs to, with the text of its licence. */
function owner(module: string): Packed | null {
  const found = OWNER.exec(module.replace(/^\0/, ""));
  if (!found) return null;
  const folder = found[1]!;
  const about = JSON.parse(readFileSync(join(folder, "package.json"), "utf-8"));
  const text = readdirSync(folder)
    .filter((name) => LICENSE_FILE.test(name))
    .sort()
    .map((name) => readFileSync(join(folder, name), "utf-8").trim())
    .join("\n\n");
  return { name: about.name, version: about.version, license: about.license ?? "", text };
}

/** Lists every package of which something is in the page. */
function inventory(): Plugin {
  return {
    name: "inventory",
    generateBundle(_, bundle) {
      const packages = new Map<string, Packed>();
      const modules = Object.values(bundle).flatMap((file) =>
        file.type === "chunk" ? file.moduleIds : file.originalFileNames.map((name) => join(import.meta.dirname, name)),
      );
      for (const module of modules) {
        const found = owner(module);
        if (found) packages.set(found.name, found);
      }
      const listed = [...packages.values()].sort((one, other) => (one.name < other.name ? -1 : 1));
      this.emitFile({ type: "asset", fileName: "packages.json", source: `${JSON.stringify(listed, null, 2)}\n` });
    },
  };
}

/** Draws the icons of the page's frame, which are there before its script is. */
function frame(): Plugin {
  return {
    name: "frame",
    transformIndexHtml: {
      order: "pre",
      handler: (html) => html.replace(/<icon name="(\w+)" \/>/g, (_, name: IconName) => drawn(name)),
    },
  };
}

function drawn(name: IconName): string {
  return `<svg class="icon" viewBox="0 0 24 24"><path d="${SHAPES[name]}" /></svg>`;
}

export default defineConfig({
  root: dirname(new URL(import.meta.url).pathname),
  base: "./",
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: ["es2022", "safari16"],
    assetsInlineLimit: 0, // the policy allows no data: scripts or styles
    modulePreload: { polyfill: false },
    chunkSizeWarningLimit: 2000,
  },
  worker: { format: "es" },
  plugins: [frame(), inventory()],
  test: { environment: "happy-dom", include: ["test/**/*.test.{ts,tsx}"], testTimeout: 60_000 },
} as Parameters<typeof defineConfig>[0]);
