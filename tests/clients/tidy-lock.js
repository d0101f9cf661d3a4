// Takes every address out of package-lock.json: npm finds packages by name and version, and checks their integrity.
import { readFileSync, writeFileSync } from "node:fs";

const path = new URL("package-lock.json", import.meta.url);
const lock = JSON.parse(readFileSync(path, "utf8"));
for (const one of Object.values(lock.packages)) {
  delete one.funding;
  delete one.resolved;
}
writeFileSync(path, JSON.stringify(lock, null, 2) + "\n");
