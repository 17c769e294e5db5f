// Loads a .heapsnapshot with the parser of Chrome's own DevTools, in a Chromium, and writes what that says of
// each node, in the order of the file, "own-size retained-size", below a line of JSON with the counts.
//
// usage: node devtools.mjs CHROMIUM FILE.heapsnapshot PACKAGE.json
import { createReadStream } from "node:fs";
import { createRequire } from "node:module";
import { resolve } from "node:path";

const [executablePath, file, packages] = process.argv.slice(2);
const { chromium } = createRequire(resolve(packages))("playwright-core");
const browser = await chromium.launch({ executablePath, args: ["--no-sandbox"] });
try {
  const page = await browser.newPage();
  await page.goto("devtools://devtools/bundled/devtools_app.html");
  await page.evaluate(async () => {
    const worker = await import("devtools://devtools/bundled/entrypoints/heap_snapshot_worker/heap_snapshot_worker.js");
    window.worker = worker;
    window.loader = new worker.HeapSnapshotLoader.HeapSnapshotLoader({ sendEvent() {} });
  });
  const pieces = createReadStream(file, { encoding: "utf8", highWaterMark: 1 << 22 });
  for await (const piece of pieces) await page.evaluate((text) => window.loader.write(text), piece);
  const answer = await page.evaluate(async () => {
    const { HeapSnapshot } = window.worker;
    window.loader.close();
    const channel = new MessageChannel();
    new HeapSnapshot.SecondaryInitManager(channel.port2);
    const snapshot = await window.loader.buildSnapshot(channel.port1);
    const root = snapshot.rootNode();
    const node = snapshot.createNode(0);
    const fields = snapshot.nodeFieldCount ?? 7;
    const sizes = [];
    for (let i = 0; i < snapshot.nodeCount; ++i) {
      node.nodeIndex = i * fields;
      sizes.push(`${node.selfSize()} ${node.retainedSize()}`);
    }
    return {
      counts: { nodes: snapshot.nodeCount, total: root.retainedSize() },
      sizes: sizes.join("\n"),
    };
  });
  console.log(JSON.stringify(answer.counts));
  process.stdout.write(answer.sizes + "\n");
} finally {
  await browser.close();
}
