// The built script and style in their page, with the Content-Security-Policy that allows these two and nothing else.
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";

const [script, style] = process.argv.slice(2, 4).map((file) => readFileSync(file, "utf8").trim());
if (/<\/script|<!--/i.test(script) || /<\/style/i.test(style)) throw new Error("the script or the style would end its element");
const hash = (text) => "'sha256-" + createHash("sha256").update(text).digest("base64") + "'";
const csp = `default-src 'none'; script-src ${hash(script)}; style-src ${hash(style)}; connect-src @HEAPGLASS_CONNECT@; base-uri 'none'; form-action 'none'`;
const values = { "@CSP@": csp, "@STYLE@": style, "@SCRIPT@": script };
const shell = readFileSync(new URL("src/shell.html", import.meta.url), "utf8");
process.stdout.write(shell.replace(/@CSP@|@STYLE@|@SCRIPT@/g, (name) => values[name]));
