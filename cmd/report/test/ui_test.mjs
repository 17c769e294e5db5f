// Walks through a heap in the page of heapglass ui, in a Chromium: scripts/test-page runs it with the program and the pid
// of testdata/programs/leaks/handlers.py. Also asks as a stranger would who has no token.
import { spawn } from "node:child_process";
import http from "node:http";
import { chromium } from "playwright-core";
import { check, failed, findings, settled as answered, show as asked, started as startedUi } from "./walking.mjs";

const [executablePath, heapglass, pid, pictures] = process.argv.slice(2);
const started = (...options) => startedUi(heapglass, pid, ...options);
function status(options) {
  return new Promise((done) => http.get(options, (response) => (response.resume(), done(response.statusCode))).on("error", (error) => done(error.code)));
}
const within = (promise, ms) => Promise.race([promise, new Promise((done) => setTimeout(() => done("not in time"), ms))]);

const ui = started();
const address = (await ui.lines.next()).value;
check(/^http:\/\/127\.0\.0\.1:\d+\/[0-9a-f]{32}\/$/.test(address), "the address: " + address);
const { hostname, port, pathname } = new URL(address);
const place = { hostname, port };
check((await status({ ...place, path: pathname })) === 200, "with the token");
check((await status({ ...place, path: "/" })) === 403, "without a token");
check((await status({ ...place, path: "/" + "0".repeat(32) + "/" })) === 403, "with a wrong token");
check((await status({ ...place, path: pathname, headers: { host: "elsewhere.example" } })) === 403, "by another host's name");
check((await status({ ...place, path: pathname, headers: { origin: "http://elsewhere.example" } })) === 403, "from another origin");
check((await status({ ...place, path: pathname, headers: { "sec-fetch-site": "cross-site" } })) === 403, "from another site");
check((await status({ ...place, path: pathname, method: "POST" })) === 405, "by POST");
check((await status({ ...place, path: pathname + "x".repeat(70000) })) === 414, "with an address of 70,000 characters");
check((await status({ ...place, path: pathname })) === 200, "after all that");

const second = spawn(heapglass, ["ui", pid, "--port", port], { stdio: ["ignore", "pipe", "pipe"] });
let complaint = "";
second.stderr.on("data", (bytes) => (complaint += bytes));
check((await new Promise((done) => second.on("exit", done))) === 2, "a port that is taken ends it with 2");
check(/cannot listen at 127\.0\.0\.1:\d+: Address already in use/.test(complaint) && complaint.trim().split("\n").length === 1, "a port that is taken: " + complaint);

const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
const page = await browser.newPage({ viewport: { width: 1280, height: 1000 } });
const errors = [];
page.on("pageerror", (error) => errors.push(String(error)));
page.on("console", (message) => message.type() === "error" && errors.push(message.text()));
page.on("request", (request) => check(request.url().startsWith(address), "a request to " + request.url()));
await page.goto(address);
await page.waitForSelector("#walk");

const show = (kind, text) => asked(page, kind, text);
const settled = () => answered(page);
const told = () => page.innerText(".answer");

await show("type", "Widget");
check(/500 of 1,000 objects/.test(await told()), "objects of a type: " + (await told()).slice(0, 200));
await page.click(".answer tbody a");
await page.waitForFunction(() => document.querySelector(".answer h3") !== null);
await settled();
const object = await told();
check(/__main__\.Widget 0x[0-9a-f]+/.test(object) && /Referrers/.test(object) && /handlers/.test(object), "an object: " + object.slice(0, 400));
check(/retained/.test(object) && /which go with it/.test(object), "its retained size");
await page.click(".answer summary >> nth=0");
await page.waitForSelector(".answer .picture svg");
await page.click(".answer summary >> nth=1");
await page.waitForFunction(() => /objects?\./.test(document.querySelectorAll(".answer details")[1].innerText));
if (pictures) await page.screenshot({ path: pictures + "/object.png", fullPage: true });
check((await findings(page, "#walk")) === "", "axe-core: " + (await findings(page, "#walk")));

await page.goBack();
await page.waitForFunction(() => /of 1,000 objects/.test(document.querySelector(".answer").innerText));
await show("where", "size > 100kB");
check(/dict/.test(await told()), "a condition: " + (await told()).slice(0, 200));
await show("where", "size >");
check(/condition|expected|where/i.test(await told()), "a wrong condition: " + (await told()).slice(0, 200));
await show("sql", "SELECT id, type, size FROM objects WHERE type = '__main__.Events'");
check(/1 row/.test(await told()) && /__main__\.Events/.test(await told()), "SQL: " + (await told()).slice(0, 200));
if (pictures) await page.screenshot({ path: pictures + "/sql.png" });
await show("sql", "DELETE FROM objects");
check(/cannot|only|SELECT/.test(await told()), "SQL that would change something: " + (await told()).slice(0, 200));
await page.click("#types tbody a");
await page.waitForFunction(() => /of [\d,]+ objects|objects\./.test(document.querySelector(".answer").innerText));
const complaints = errors.filter((each) => !/status of 400/.test(each)); // the browser tells of each refused question
check(complaints.length === 0, "errors: " + complaints.join("; "));

// The times of walking, which are printed and not judged.
const times = await page.evaluate(async () => {
  const taken = [];
  const rows = (await (await fetch("objects?type=Widget&limit=20")).json()).objects;
  for (const row of rows) {
    const began = performance.now();
    await (await fetch("object?id=0x" + row.id.toString(16))).json();
    taken.push(performance.now() - began);
  }
  return taken.sort((a, b) => a - b);
});
console.log(`an object's answer: ${times[10].toFixed(1)} ms (median of 20), ${times[19].toFixed(1)} at most`);
await page.close();
check((await within(ui.ended, 40000)) === 0, "it ends when the browser has gone");

const staying = started("--stay");
const other = (await staying.lines.next()).value;
check((await status({ ...place, port: new URL(other).port, path: new URL(other).pathname })) === 200, "another one");
staying.child.kill("SIGINT");
check(["SIGINT", 130].includes(await within(staying.ended, 5000)), "Ctrl-C ends it");
check((await within(status({ ...place, port: new URL(other).port, path: new URL(other).pathname }), 5000)) === "ECONNREFUSED", "nothing listens afterwards");
await browser.close();
console.log(failed() === 0 ? "ui: passed" : `ui: ${failed()} failed`);
process.exit(failed() === 0 ? 0 : 1);
