// Looks at pages of heapglass report in a Chromium: scripts/test-page runs it with pages and the data of one.
//
// Of every page, in three sizes and both themes: no error of the script, no request but for the file itself, nothing wider
// than the window, no finding of axe-core at serious or above. Then walks through one, and through made-up data.
import { readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { mkdtempSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { chromium } from "playwright-core";

const [executablePath, template, dataFile, ...pages] = process.argv.slice(2);
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const folder = mkdtempSync(join(tmpdir(), "heapglass-page-"));
let failures = 0;

function check(good, what) {
  if (good) return;
  ++failures;
  console.error("FAILED: " + what);
}

function written(name, data) {
  const json = JSON.stringify(data).replace(/[<>&\u2028\u2029]/g, (c) => "\\u" + c.charCodeAt(0).toString(16).padStart(4, "0"));
  const file = join(folder, name);
  writeFileSync(file, readFileSync(template, "utf8").replaceAll("@HEAPGLASS_CONNECT@", "'none'").replace("@HEAPGLASS_DATA@", () => json));
  return file;
}

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

// A page that is ready, and what it did wrong so far.
async function opened(file, width, height, colorScheme, options = {}) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme, ...options });
  const page = await context.newPage();
  const errors = [];
  const requests = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
  page.on("request", (request) => requests.push(request.url()));
  await page.goto("file://" + file);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  return { context, page, errors, requests };
}

async function look(file, windows, accessible = true) {
  for (const [width, height, theme] of windows) {
    const name = `${file} ${theme} ${width}x${height}`;
    const { context, page, errors, requests } = await opened(file, width, height, theme, { bypassCSP: false });
    check(requests.length === 1, `${name}: requests ${requests}`);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(wider === 0, `${name}: ${wider} pixels wider than the window`);
    check(await page.evaluate(() => !("attacked" in window)), `${name}: a name ran`);
    check(errors.length === 0, `${name}: ${errors.join("; ")}`);
    await context.close();
    if (!accessible) continue; // axe-core takes minutes for texts of a megabyte
    // axe-core is put into the page, which its policy forbids.
    const other = await opened(file, width, height, theme, { bypassCSP: true });
    await other.page.evaluate(axe);
    const found = await other.page.evaluate(async () => (await axe.run()).violations.filter((each) => each.impact === "serious" || each.impact === "critical").map((each) => each.id + ": " + each.nodes[0].html.slice(0, 200)));
    check(found.length === 0, `${name}: axe-core: ${found.join("; ")}`);
    await other.context.close();
  }
}

async function walk(file) {
  const { context, page, errors } = await opened(file, 1200, 900, "light");
  // Each part of the bill unfolds.
  for (const summary of await page.$$("#memory .parts summary")) await summary.click();
  check((await page.$$("#memory .parts details[open] table")).length === (await page.$$("#memory .parts details")).length, "a part of the bill does not unfold");
  const widths = await page.$$eval("#memory .piece", (all) => all.reduce((sum, each) => sum + parseFloat(each.style.width), 0));
  check(Math.abs(widths - 100) < 0.5, `the bar adds up to ${widths} %`);
  // The type table is sorted and searched, by keyboard.
  const first = () => page.$eval("#types tbody tr:not(.spacer) th", (cell) => cell.textContent);
  const before = await first();
  await page.focus("#types thead button");
  await page.keyboard.press("Enter");
  check((await page.getAttribute("#types thead th", "aria-sort")) === "ascending", "the type table is not sorted");
  check((await first()) !== before, "sorting changes nothing");
  await page.fill("#types input", "builtins.dict");
  check((await first()).startsWith("builtins.dict"), "searching finds nothing");
  // Both trees are walked into and out of, by mouse and by keyboard.
  for (const id of ["holders", "dominators"]) {
    await page.click(`#${id} .as-list summary`);
    await page.focus(`#${id} .share-list button`);
    await page.keyboard.press("Enter");
    check((await page.$$(`#${id} .way li`)).length === 2, `${id}: the list leads nowhere`);
    await page.click(`#${id} .way button`);
    check((await page.$$(`#${id} .way li`)).length === 1, `${id}: no way back`);
  }
  await page.click("#dominators .share.nested", { position: { x: 5, y: 5 } });
  check((await page.$$("#dominators .way li")).length === 2, "the treemap leads nowhere");
  // The picture is enlarged and moved.
  if (await page.$(".picture svg")) {
    const box = () => page.getAttribute(".picture svg", "viewBox");
    const whole = await box();
    await page.focus(".picture");
    await page.keyboard.press("+");
    await page.keyboard.press("ArrowRight");
    check((await box()) !== whole, "the picture does not move");
    await page.keyboard.press("0");
    check((await box()) === whole, "the picture does not come back");
  }
  const theme = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await theme();
  await page.click(".theme");
  check((await theme()) !== light, "the theme does not change");
  await page.emulateMedia({ media: "print" });
  await page.pdf({ path: join(folder, "printed.pdf") });
  check(errors.length === 0, "walking: " + errors.join("; "));
  await context.close();
}

const all = ["light", "dark"].flatMap((theme) => [[1400, 1000, theme], [800, 1000, theme], [390, 844, theme]]);
const few = [[1400, 1000, "light"], [390, 844, "dark"]];
await look(pages[0], all);
await walk(pages[0]);
for (const page of pages.slice(1)) await look(page, few);

// What no program has: a hundred thousand types, a megabyte in a name, names that attack.
const data = JSON.parse(readFileSync(dataFile, "utf8"));
const attack = "<script>window.attacked=1</script><img src=x onerror=window.attacked=1>\u202e";
data.info.command = attack;
data.histogram.types = Array.from({ length: 100_000 }, (_, i) => ({ type: `${i % 50 ? "" : attack}module.Type${i}`, count: i, bytes: i * 48, external_bytes: 0, mean: 48, share: 1e-5 }));
data.histogram.types[0].type = "x".repeat(1_000_000);
data.leaks.suspects = [{ ...data.leaks.suspects[0], rank: 1, owner: "y".repeat(1_000_000), evidence: attack, path: attack.repeat(1000) }];
data.pictures = [{ rank: 1, svg: `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 10 10"><script>window.attacked=1</script><style>*{display:none}</style><image href="http://127.0.0.1:9/x"/><g><text>${"z"}</text></g></svg>` }];
data.type_shares.names = data.type_shares.names.map((name, i) => (i % 3 ? name : attack));
data.dominator_shares.names = data.dominator_shares.names.map((name, i) => (i % 3 ? name : "w".repeat(10_000)));
const hostile = written("hostile.html", data);
await look(hostile, few, false);
const { context, page } = await opened(hostile, 1200, 900, "light");
const slowest = await page.evaluate(async () => {
  const box = document.querySelector("#types .rows");
  let worst = 0;
  for (let i = 0; i < 40; ++i) {
    const began = performance.now();
    box.scrollTop = i * 60_000;
    await new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)));
    worst = Math.max(worst, performance.now() - began);
  }
  return worst;
});
check(slowest < 1000, `scrolling 100,000 types: ${slowest} ms for a frame`);
console.log(`scrolling 100,000 types: at most ${slowest.toFixed(0)} ms from one place to another`);
check((await page.$$("#types tbody tr")).length < 100, "the type table has all of its rows in the page");
await context.close();

// A part that heapglass could not tell.
const partly = JSON.parse(readFileSync(dataFile, "utf8"));
for (const part of ["memory", "leaks", "histogram", "stacks", "garbage", "tracemalloc"]) partly[part] = { error: "it could not be read" };
partly.pictures = [];
await look(written("partly.html", partly), [[800, 1000, "light"]]);

await browser.close();
rmSync(folder, { recursive: true });
console.log(failures === 0 ? "test-page: passed" : `test-page: ${failures} failures`);
process.exit(failures === 0 ? 0 : 1);
