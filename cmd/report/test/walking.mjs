// What the tests of heapglass ui have in common: the program started, the field of its page filled in, and the count of
// what was not as it should be.
import { spawn } from "node:child_process";
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

let failures = 0;
export const failed = () => failures;
export function check(good, what) {
  if (good) return;
  ++failures;
  console.error("FAILED: " + what);
}

export function started(heapglass, ...words) {
  const child = spawn(heapglass, ["ui", ...words], { stdio: ["ignore", "pipe", "inherit"] });
  const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
  return { child, lines, ended: new Promise((done) => child.on("exit", (code, signal) => done(code ?? signal))) };
}

export async function settled(page) {
  await page.waitForFunction(() => document.querySelector(".answer").childNodes.length > 0 && !document.querySelector(".answer").hasAttribute("aria-busy"));
}
export async function show(page, kind, text, where) {
  await page.selectOption("#walk select >> nth=0", kind);
  if (where) await page.selectOption("#walk select.where", where);
  await page.fill("#walk input[type=text]", text);
  await page.click("#walk button[type=submit]");
  await settled(page);
}

// Of axe-core, at serious or above; empty: none.
export async function findings(page, selector) {
  await page.evaluate(readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8"));
  return page.evaluate(async (within) => (await axe.run(within)).violations.filter((each) => each.impact === "serious" || each.impact === "critical").map((each) => each.id + ": " + each.nodes[0].html.slice(0, 200)).join("; "), selector);
}
