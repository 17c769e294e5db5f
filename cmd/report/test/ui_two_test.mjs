// Two targets side by side in the page of heapglass ui, and the words that its field offers, in a Chromium: scripts/test-page
// runs it with the program, a snapshot and the pid of the same process later, and the pid of another program.
import { execFileSync } from "node:child_process";
import { chromium } from "playwright-core";
import { check, failed, findings, settled, show, started } from "./walking.mjs";

const [executablePath, heapglass, earlier, pid, other, pictures] = process.argv.slice(2);
const command = (...words) => JSON.parse(execFileSync(heapglass, [...words, "--format", "json"], { maxBuffer: 1 << 28 }));
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });

async function opened(address, width, height, colorScheme) {
  const context = await browser.newContext({ viewport: { width, height }, colorScheme });
  const page = await context.newPage();
  const errors = [];
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (message) => message.type() === "error" && !/status of 400/.test(message.text()) && errors.push(message.text()));
  page.on("request", (request) => check(request.url().startsWith(address), "a request to " + request.url()));
  await page.goto(address);
  await page.waitForSelector("html[data-ready]", { state: "attached" });
  return { context, page, errors };
}

async function looked(address, name) {
  for (const [width, height, theme] of [[1400, 1000, "light"], [1400, 1000, "dark"], [390, 844, "light"], [390, 844, "dark"]]) {
    const { context, page, errors } = await opened(address, width, height, theme);
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    check(wider === 0, `${name} ${theme} ${width}: ${wider} pixels wider than the window`);
    const found = await findings(page, "#page");
    check(found === "", `${name} ${theme} ${width}: axe-core: ${found}`);
    check(errors.length === 0, `${name} ${theme} ${width}: ${errors.join("; ")}`);
    if (pictures) await page.screenshot({ path: `${pictures}/${name}-${theme}-${width}.png`, clip: { x: 0, y: 0, width, height: Math.min(2600, await page.evaluate(() => document.documentElement.scrollHeight)) }, fullPage: true });
    await context.close();
  }
}

// One program at two times.
const ui = started(heapglass, earlier, pid, "--stay");
const address = (await ui.lines.next()).value;
await looked(address, "two");
const { context, page, errors } = await opened(address, 1300, 1000, "light");
check((await page.$$(".two > section")).length === 2, "two targets are introduced");
check((await page.$("#beside .problem")) === null, "one program at two times is one program");
const row = async (label, name) => {
  const box = page.locator(`#beside .table:has([aria-label="${label}"])`);
  if ((await box.locator("input[type=search]").count()) > 0) await box.locator("input[type=search]").fill(name);
  return box.locator("tbody tr:not(.spacer)").first().locator("th, td").allInnerTexts();
};
const said = (n) => n.toLocaleString("en-US");
const count = (target, type) => command("histogram", target, "--type", type).types[0]?.count ?? 0;
const [before, after] = [count(earlier, "__main__.Widget"), count(pid, "__main__.Widget")];
const widgets = await row("Types side by side", "__main__.Widget");
check(widgets[4] === "A " + said(before) && widgets[5] === "B " + said(after), `counts of a type beside each other: ${widgets}, not ${before} and ${after}`);
check(widgets[6] === (after > before ? "+" : "") + said(after - before), `their difference: ${widgets}`);
// Both bars are drawn to one scale: the longer one is full.
const bars = await page.$$eval("#beside .labelled-bar .bar", (all) => all.map((bar) => [...bar.children].reduce((sum, each) => sum + parseFloat(each.style.width), 0)));
const sums = [command("memory", earlier).sum, command("memory", pid).sum];
check(Math.abs(Math.max(...bars) - 100) < 0.5 && Math.abs(bars[0] / bars[1] - sums[0] / sums[1]) < 0.02, `the bars: ${bars}, the sums: ${sums}`);
for (const summary of await page.$$("#beside .parts summary")) await summary.click();
check((await page.$$("#beside .parts details[open] table")).length === (await page.$$("#beside .parts details")).length, "a part of the bill does not unfold");

// Walking in either, and every link says in which.
for (const [letter, wanted] of [["B", after], ["A", before]]) {
  const links = page.locator("#beside .table:has([aria-label='Types side by side']) tbody a");
  await links.nth(letter === "A" ? 0 : 1).click();
  await page.waitForFunction((which) => location.hash.startsWith("#walk=type@" + which), letter);
  await settled(page);
  const told = await page.innerText(".answer");
  check(told.includes(said(wanted) + " objects"), `objects in ${letter}: ${told.slice(0, 100)}, not ${wanted}`);
  const links_in_answer = await page.$$eval(".answer a", (all) => all.map((each) => [each.textContent, each.getAttribute("href")]));
  check(links_in_answer.length > 0 && links_in_answer.every(([text, href]) => text.startsWith(letter + " ") && href.startsWith(`#walk=object@${letter}:`)), `links of ${letter}: ${links_in_answer[0]}`);
  await page.click(".answer tbody a");
  await page.waitForSelector(".answer h3");
  await settled(page);
  check((await page.innerText(".answer h3")).startsWith(letter), `an object of ${letter}: ` + (await page.innerText(".answer h3")));
  check((await page.inputValue("#walk select.where")) === letter, "the field says which");
}
// The same address in the other one, where the object still is.
const there = page.locator(".answer a", { hasText: "what is at this address" });
check((await there.textContent()).startsWith("B "), "the way to the other capture");
await there.click();
await page.waitForFunction(() => location.hash.startsWith("#walk=object@B"));
await settled(page);
check(/^B __main__\.Widget/.test(await page.innerText(".answer")), "the same object in B: " + (await page.innerText(".answer")).slice(0, 100));
await page.goBack();
await page.waitForFunction(() => /^A/.test(document.querySelector(".answer").innerText));
await show(page, "sql", "SELECT count(*) AS n FROM objects WHERE type = '__main__.Widget'", "A");
check((await page.innerText(".answer td, .answer tbody th")).trim() === String(before), "SQL in A");
await show(page, "sql", "SELECT count(*) AS n FROM objects WHERE type = '__main__.Widget'", "B");
check((await page.innerText(".answer td, .answer tbody th")).trim() === String(after), "SQL in B");
// The report below is of one of the two.
const total = () => page.innerText("#types > p");
const ofA = await total();
await page.click(".chooser button >> nth=1");
check((await page.getAttribute(".chooser button >> nth=1", "aria-pressed")) === "true", "the second is chosen");
check((await total()) !== ofA, "the report below is of the other");
check((await page.getAttribute("#types tbody a", "href")).startsWith("#walk=type@B:"), "and its links lead there");

// Words that are offered.
const field = "#walk input[type=text]";
const offered = () => page.$$eval("#walk .offers:not([hidden]) li bdi", (all) => all.map((each) => each.textContent));
async function typed(kind, text) {
  await page.selectOption("#walk select >> nth=0", kind);
  await page.fill(field, "");
  await page.focus(field);
  await page.keyboard.type(text);
  return offered();
}
check((await page.getAttribute(field, "role")) === "combobox" && (await page.getAttribute(field, "aria-expanded")) === "false", "the field is a combobox, closed");
check((await typed("type", "Widg")).includes("__main__.Widget"), "a type by its last part");
check((await page.getAttribute(field, "aria-expanded")) === "true", "it is open then");
check((await page.textContent("#walk [role=status].aside")).includes("to choose from"), "and says so");
const axeOpen = await findings(page, "#walk");
check(axeOpen === "", "axe-core, open: " + axeOpen);
await page.keyboard.press("ArrowDown");
const activeId = await page.getAttribute(field, "aria-activedescendant");
check((await page.getAttribute("#" + activeId, "aria-selected")) === "true", "an arrow chooses one");
await page.keyboard.press("Escape");
check((await page.getAttribute(field, "aria-expanded")) === "false" && (await page.inputValue(field)) === "Widg", "Escape closes and changes nothing");
await page.keyboard.press("ArrowDown");
const last = (await offered()).at(-1);
await page.keyboard.press("ArrowUp");
await page.keyboard.press("ArrowUp");
await page.keyboard.press("Enter");
const around = await page.inputValue(field);
check(around === last || (await offered()).length === 0, "arrows go around: " + around);
await typed("type", "__main__.Widge");
const hash = await page.evaluate(() => location.hash);
await page.keyboard.press("ArrowDown");
await page.keyboard.press("Enter");
check((await page.inputValue(field)) === "__main__.Widget" && (await page.evaluate(() => location.hash)) === hash, "Enter takes the word, and asks nothing yet");
await page.keyboard.press("Enter");
await page.waitForFunction(() => location.hash === "#walk=type@B:__main__.Widget");
await settled(page);
// SQL: tables behind FROM, columns of what is read, types in quotes, keywords.
check((await typed("sql", "SEL"))[0] === "SELECT", "a keyword");
const tables = await typed("sql", "SELECT * FROM ");
check(tables.includes("objects") && tables.includes("refs") && !tables.includes("SELECT"), "tables behind FROM: " + tables);
check((await typed("sql", "SELECT * FROM objects o JOIN refs r ON r.")).includes("holder"), "columns by an alias");
check(!(await offered()).includes("retained_bytes"), "and of that table alone");
check((await typed("sql", "SELECT * FROM refs WHERE hol"))[0] === "holder", "a column of the table that is read");
check((await typed("sql", "SELECT coun")).includes("count"), "a function");
await typed("sql", "SELECT count(*) FROM objects WHERE type = '__main__.Wid");
check((await offered())[0] === "__main__.Widget", "a type in quotes");
await page.keyboard.press("ArrowDown");
await page.keyboard.press("Tab");
check((await page.inputValue(field)) === "SELECT count(*) FROM objects WHERE type = '__main__.Widget'", "taken by Tab, with its quote: " + (await page.inputValue(field)));
await page.keyboard.press("Enter");
await settled(page);
check((await page.innerText(".answer tbody")).trim() === String(after), "and the query runs");
// Every table and column that the server has is offered.
const schema = await page.evaluate(async () => (await (await fetch("names?in=B")).json()).columns);
for (const { table, column } of schema) {
  if (column !== schema.find((each) => each.table === table).column) continue; // the first of each table
  check((await typed("sql", "SELECT x FROM " + table + " WHERE " + table + ".")).includes(column), `${table}.${column} is offered`);
}
// Conditions.
check((await typed("where", "reta"))[0] === "retained", "a field of conditions");
check((await typed("where", "type == __main__.Wid"))[0] === "__main__.Widget", "a type behind ==");
check((await typed("where", "size > 1MB an"))[0] === "and", "a word that joins");
check((await typed("where", "type == '__main__.Widget")).length === 1, "a type in quotes");
check((await typed("where", "")).length === 0, "nothing is offered for nothing");
await page.keyboard.press("Control+Space");
check((await offered()).includes("type") && (await offered()).includes("self"), "unless it is asked for");
if (pictures) await page.screenshot({ path: pictures + "/offers.png" });
await page.click("#walk .offers li >> nth=0");
check((await page.inputValue(field)) === "type " && (await page.evaluate(() => document.activeElement.id)) === (await page.getAttribute(field, "id")), "a click takes one, and the field keeps the focus");
await page.keyboard.press("Tab");
check((await offered()).length === 0, "leaving the field closes it");
check(errors.length === 0, "errors: " + errors.join("; "));
await context.close();
ui.child.kill("SIGINT");
await ui.ended;

// Two programs.
const both = started(heapglass, earlier, other, "--stay");
const second = (await both.lines.next()).value;
await looked(second, "programs");
const { page: strange, context: last_context } = await opened(second, 1300, 1000, "light");
check(/not the same|nothing of either/.test(await strange.innerText("#beside .problem")), "two programs are said to be two");
await show(strange, "type", "__main__.Widget", "A");
await strange.click(".answer tbody a");
await strange.waitForSelector(".answer h3");
await settled(strange);
check(!/what is at this address/.test(await strange.innerText(".answer")), "addresses of two programs are not compared");
await show(strange, "type", "__main__.Widget", "B");
check((await strange.$(".answer .problem")) !== null, "a type that the other has not");
await last_context.close();
both.child.kill("SIGINT");
await both.ended;
await browser.close();
console.log(failed() === 0 ? "ui, two targets: passed" : `ui, two targets: ${failed()} failed`);
process.exit(failed() === 0 ? 0 : 1);
