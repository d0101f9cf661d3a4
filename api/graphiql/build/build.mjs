// Bundles GraphiQL into ../static: one script, one style sheet, and the licences of everything in them.
import { readFile, readdir, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import path from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const HERE = path.dirname(fileURLToPath(import.meta.url));
const STATIC = path.join(HERE, "..", "static");
const BANNER = "/* Built from ../build; the licences of what is bundled here are in LICENSES.txt. */";

const LICENCES_ALLOWED = new Set(["MIT", "ISC", "0BSD", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "Python-2.0"]);

// Packages published without their licence text, and a package by the same author under the same licence that has it.
const TEXT_BORROWED_FROM = {
  "@graphiql/plugin-doc-explorer": "graphiql",
  "@graphiql/plugin-history": "graphiql",
  "react-compiler-runtime": "react",
  "react-remove-scroll-bar": "react-remove-scroll",
  "toggle-selection": "copy-to-clipboard",
};

const SANS = 'system-ui, -apple-system, "Segoe UI", Roboto, sans-serif';
const MONO = 'ui-monospace, "SF Mono", "Cascadia Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace';

/** GraphiQL's style sheet carries 340 kB of fonts; the fonts of the reader's own system do as well. */
const systemFonts = {
  name: "system-fonts",
  setup({ onLoad }) {
    onLoad({ filter: /graphiql[\\/]dist[\\/]style\.css$/ }, async ({ path: file }) => {
      let css = await readFile(file, "utf8");
      for (const [pattern, by] of [
        [/@font-face\s*\{[^}]*\}/g, ""],
        [/--font-family:[^;]*;/g, `--font-family: ${SANS};`],
        [/--font-family-mono:[^;]*;/g, `--font-family-mono: ${MONO};`],
      ]) {
        const replaced = css.replace(pattern, by);
        if (replaced === css) throw new Error(`${pattern} is not in ${file}`);
        css = replaced;
      }
      return { contents: css, loader: "css" };
    });
  },
};

/** The folder of the package that holds `input`, or null for a file of our own. */
function packageFolder(input) {
  return input.match(/^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/)?.[0] ?? null;
}

async function licenceText(folder) {
  const names = (await readdir(folder)).filter((name) => /^(licen[sc]e|notice|copying)/i.test(name)).sort();
  const texts = await Promise.all(names.map((name) => readFile(path.join(folder, name), "utf8")));
  return texts.map((text) => text.replace(/\r\n/g, "\n").trim()).join("\n\n");
}

/** One section per licence text, headed by the packages it covers. */
async function licences(inputs) {
  const require = createRequire(import.meta.url);
  const folders = [...new Set(inputs.map(packageFolder).filter(Boolean))].sort();
  const sections = new Map();
  for (const folder of folders) {
    const { name, version, license } = require(path.join(HERE, folder, "package.json"));
    if (!LICENCES_ALLOWED.has(license)) throw new Error(`${name}: licence ${license} is not among those allowed`);
    const lender = TEXT_BORROWED_FROM[name];
    const text =
      (await licenceText(path.join(HERE, folder))) ||
      (lender && (await licenceText(path.join(HERE, "node_modules", lender))));
    if (!text) throw new Error(`${name}: no licence text; name one in TEXT_BORROWED_FROM`);
    sections.set(text, [...(sections.get(text) ?? []), `${name} ${version} (${license})`]);
  }
  const rule = "-".repeat(80);
  const heading = "The files beside this one bundle the packages below, each under the licence that follows it.";
  return [heading, ...[...sections].map(([text, names]) => `${rule}\n${names.join("\n")}\n\n${text}`)].join("\n\n") + "\n";
}

const result = await build({
  absWorkingDir: HERE,
  entryPoints: { graphiql: "main.jsx" },
  outdir: STATIC,
  bundle: true,
  minify: true,
  metafile: true,
  format: "iife",
  target: "es2022",
  jsx: "automatic",
  charset: "utf8",
  legalComments: "none",
  banner: { js: BANNER, css: BANNER },
  define: { "process.env.NODE_ENV": '"production"' },
  plugins: [systemFonts],
  logLevel: "info",
});
await writeFile(path.join(STATIC, "LICENSES.txt"), await licences(Object.keys(result.metafile.inputs)));
