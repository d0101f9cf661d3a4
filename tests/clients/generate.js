// Generates what an app's build generates, into a folder: node generate.js SCHEMA FOLDER
// codegen/persisted-documents.json and relay/persisted.json are what CRM_TRUSTED_DOCUMENTS takes.
import { execFileSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { preset } from "@graphql-codegen/client-preset";
import { codegen } from "@graphql-codegen/core";
import { buildSchema, parse } from "graphql";
import relayCompiler from "relay-compiler";
import ts from "typescript";

const [schemaPath, folder] = process.argv.slice(2);
const here = dirname(fileURLToPath(import.meta.url));
const text = readFileSync(schemaPath, "utf8");

async function codegenTypes() {
  const target = join(folder, "codegen", "generated");
  mkdirSync(target, { recursive: true });
  for (const name of ["operations.ts", "uses.ts"]) cpSync(join(here, "app", name), join(folder, "codegen", name));
  const source = readFileSync(join(here, "app", "operations.ts"), "utf8");
  const documents = [...source.matchAll(/graphql\(`([^`]*)`\)/g)].map(([, rawSDL]) => ({
    location: join(folder, "codegen", "operations.ts"),
    rawSDL,
    document: parse(rawSDL),
  }));
  const scalars = { Date: "string", DateTime: "string", Decimal: "string", CurrencyCode: "string", JSON: "unknown" };
  const sections = await preset.buildGeneratesSection({
    baseOutputDir: `${target}/`,
    schema: parse(text),
    schemaAst: buildSchema(text),
    documents,
    config: { scalars, useTypeImports: true, enumsAsTypes: true, strictScalars: true },
    presetConfig: { persistedDocuments: { hashAlgorithm: "sha256" }, fragmentMasking: false },
    pluginMap: {},
    plugins: [],
    profiler: { run: (work) => Promise.resolve(work()), collect: () => [] },
  });
  for (const section of sections) writeFileSync(section.filename, await codegen(section));
}

function relayArtifacts() {
  const target = join(folder, "relay");
  mkdirSync(join(target, "src"), { recursive: true });
  cpSync(join(here, "app", "relay.ts"), join(target, "src", "relay.ts"));
  cpSync(schemaPath, join(target, "schema.graphql"));
  writeFileSync(join(target, "persisted.json"), "{}");
  writeFileSync(
    join(target, "relay.config.json"),
    JSON.stringify({
      src: "./src",
      language: "typescript",
      schema: "./schema.graphql",
      persistConfig: { file: "./persisted.json", algorithm: "SHA256" },
      customScalarTypes: { Date: "string", DateTime: "string", Decimal: "string", CurrencyCode: "string", JSON: "unknown" },
    }),
  );
  execFileSync(relayCompiler, ["relay.config.json"], { cwd: target, stdio: "pipe" });
  return readdirSync(join(target, "src", "__generated__"));
}

function typeErrors() {
  const options = {
    noEmit: true,
    strict: true,
    skipLibCheck: true,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    target: ts.ScriptTarget.ES2022,
    typeRoots: [],
    types: [],
    baseUrl: here,
    paths: { "@graphql-typed-document-node/core": [join(here, "node_modules/@graphql-typed-document-node/core")] },
  };
  const program = ts.createProgram([join(folder, "codegen", "uses.ts")], options);
  return ts
    .getPreEmitDiagnostics(program)
    .map((one) => `${one.file?.fileName ?? ""}: ${ts.flattenDiagnosticMessageText(one.messageText, "\n")}`);
}

await codegenTypes();
const artifacts = relayArtifacts();
writeFileSync(join(folder, "generated.json"), JSON.stringify({ artifacts, typeErrors: typeErrors() }));
