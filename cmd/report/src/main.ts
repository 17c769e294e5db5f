// The page of heapglass report, from top to bottom.
import { beside, headers } from "./beside";
import type { Frame, Garbage, Histogram, Info, Leaks, Memory, Report, Stacks, Suspect, Thread, Tracemalloc } from "./data";
import { append, h } from "./dom";
import { growth } from "./growth";
import { caveats, fact, facts, section, textOf } from "./parts";
import { picture } from "./picture";
import { icicle, shareView, treemap } from "./shares";
import { table } from "./table";
import { badge, nameOf, sideBySide, targets, type Target } from "./targets";
import { link, served, walk } from "./walk";
import { address, bytes, bytesDelta, count, moment, percent, shown } from "./words";

// What the parts below are of: with two targets, the one that is chosen.
let target: Target = targets[0];

function header(info: Info, memory: Memory): HTMLElement {
  return h("header", {}, brand(), info.error !== undefined ? h("p", { class: "problem" }, textOf(info.error)) : [h("h1", {}, textOf(info.command || info.target)), facts(info, memory), caveats(info)]);
}

function brand(): HTMLElement {
  const theme = h("button", {
    type: "button",
    class: "theme",
    onclick: () => setTheme(document.documentElement.dataset.theme === "dark" ? "light" : "dark"),
  }, "Dark or light");
  return h("div", { class: "brand" }, h("span", {}, "heapglass " + targets[0].report.heapglass), theme);
}

function verdict(memory: Memory, leaks: Leaks): HTMLElement {
  const first = leaks.suspects?.[0];
  return h(
    "section",
    { id: "verdict", "aria-labelledby": "verdict-title" },
    h("h2", { id: "verdict-title" }, "In a sentence"),
    h("p", { class: "verdict" }, textOf(memory.error ?? memory.verdict)),
    h(
      "p",
      { class: "verdict-more" },
      leaks.error !== undefined
        ? textOf(leaks.error)
        : first
          ? ["The first of " + count(leaks.suspects.length) + (leaks.suspects.length === 1 ? " suspect: " : " suspects: "), h("a", { href: "#suspect-1" }, textOf(first.pattern + ", " + first.owner)), ", " + bytes(first.bytes) + " (" + percent(first.share) + " of all objects)" + growthOf(first, ", ") + "."]
          : "Nothing looks like a leak.",
    ),
  );
}

function bill(memory: Memory): HTMLElement {
  if (memory.error !== undefined) return section("memory", "What the memory is", memory);
  const kinds = new Map<string, Memory["rows"]>();
  for (const row of memory.rows) {
    if (!kinds.has(row.category)) kinds.set(row.category, []);
    kinds.get(row.category)!.push(row);
  }
  const bar = h("div", { class: "bar", "aria-hidden": "true" });
  const parts = h("div", { class: "parts" });
  let at = 0;
  kinds.forEach((rows, kind) => {
    const sum = rows.reduce((total, row) => total + row.bytes, 0);
    const share = memory.sum ? sum / memory.sum : 0;
    const hue = "k" + (at++ % 12);
    let filled = false;
    const details = h(
      "details",
      {
        ontoggle: () => {
          if (filled || !details.open) return;
          filled = true;
          append(
            details,
            table(kind, [
              { title: "of", value: (row) => row.detail || kind },
              { title: "objects", value: (row) => row.objects, text: (row) => count(row.objects), number: true },
              { title: "resident", value: (row) => row.bytes, text: (row) => bytes(row.bytes), number: true },
              { title: "share", value: (row) => row.share, text: (row) => percent(row.share), number: true },
            ], rows),
          );
        },
      },
      h("summary", {}, h("span", { class: "swatch " + hue }), h("span", { class: "name" }, textOf(kind)), h("span", { class: "figure" }, bytes(sum)), h("span", { class: "figure" }, percent(share))),
    );
    append(parts, details);
    const piece = h("div", {
      class: "piece " + hue,
      title: shown(kind) + ": " + bytes(sum) + ", " + percent(share),
      onclick: () => {
        details.open = true;
        details.scrollIntoView({ block: "nearest" });
      },
    });
    piece.style.width = 100 * share + "%";
    append(bar, piece);
  });
  const beside = [
    memory.malloc_trim_bytes ? "malloc_trim(0) would give back " + bytes(memory.malloc_trim_bytes) : "",
    memory.swapped ? bytes(memory.swapped) + " are swapped out, beside these" : "",
    memory.page_tables ? bytes(memory.page_tables) + " of page tables, beside these" : "",
    memory.pss ? "its share of the RSS (Pss) is " + bytes(memory.pss) : "",
  ].filter(Boolean);
  return section(
    "memory",
    "What the memory is",
    memory,
    h("p", {}, "The parts add up to " + bytes(memory.sum) + " (" + count(memory.sum) + " bytes); the kernel counts an RSS of " + bytes(memory.rss) + "."),
    bar,
    parts,
    beside.length > 0 && h("p", { class: "quiet" }, beside.join("; ") + "."),
  );
}

function growthOf(suspect: Suspect, before = ""): string {
  if (suspect.bytes_delta === undefined) return "";
  if ((suspect.objects_delta ?? 0) <= 0) return before + "did not grow";
  return before + bytesDelta(suspect.bytes_delta) + " and " + count(suspect.objects_delta) + " more of them since the first capture";
}

function card(suspect: Suspect): HTMLElement {
  const drawn = target.report.pictures.find((each) => each.rank === suspect.rank);
  const label = "Who holds " + shown(suspect.owner);
  let done = false;
  const show = (): void => {
    if (done || !drawn) return;
    done = true;
    append(details, drawn.svg !== undefined ? picture(drawn.svg, label) : h("p", { class: "quiet" }, textOf(drawn.error)));
  };
  const details = h("details", { ontoggle: () => details.open && show(), open: suspect.rank === 1 }, h("summary", {}, "Picture of who holds it"));
  if (suspect.rank === 1) show();
  const growth = growthOf(suspect);
  const meter = h("div", { class: "meter", "aria-hidden": "true" }, h("div", {}));
  (meter.firstChild as HTMLElement).style.width = Math.min(100, 100 * suspect.share) + "%";
  return h(
    "article",
    { class: "card", id: "suspect-" + suspect.rank, "aria-labelledby": "suspect-" + suspect.rank + "-title" },
    h("h3", { id: "suspect-" + suspect.rank + "-title" }, h("span", { class: "rank" }, suspect.rank + ". "), textOf(suspect.owner)),
    h("p", { class: "pattern" }, textOf(suspect.pattern), h("span", { class: "figure" }, bytes(suspect.bytes)), h("span", { class: "figure" }, percent(suspect.share) + " of all objects"), suspect.objects ? h("span", { class: "figure" }, count(suspect.objects) + " of them") : null),
    meter,
    h(
      "dl",
      {},
      fact("evidence", suspect.evidence),
      fact("growth", growth),
      fact("held by", suspect.path),
      fact("allocated", suspect.allocated_at),
      fact("cure", suspect.cure),
    ),
    served && suspect.id ? h("p", {}, link("object", address(suspect.id), target, "Walk from it")) : null,
    drawn ? details : null,
  );
}

function suspects(leaks: Leaks): HTMLElement {
  const all = leaks.suspects ?? [];
  const first = all.slice(0, 8).map(card);
  const others = all.slice(8);
  return section(
    "suspects",
    "What may leak",
    leaks,
    h("div", { class: "cards" }, first),
    others.length > 0 && h("details", {}, h("summary", {}, count(others.length) + " more suspects"), h("div", { class: "cards" }, others.map(card))),
  );
}

function types(histogram: Histogram): HTMLElement {
  if (histogram.error !== undefined) return section("types", "Objects by type", histogram);
  return section(
    "types",
    "Objects by type",
    histogram,
    h("p", {}, count(histogram.total.objects) + " objects, " + bytes(histogram.total.bytes) + "; external: in buffers apart from the objects' own blocks, " + bytes(histogram.total.external_bytes) + "."),
    table("Objects by type", [
      { title: "type", value: (row) => row.type, cell: served ? (row) => link("type", row.type, target) : undefined },
      { title: "objects", value: (row) => row.count, text: (row) => count(row.count), number: true },
      { title: "bytes", value: (row) => row.bytes, text: (row) => bytes(row.bytes), number: true },
      { title: "external", value: (row) => row.external_bytes, text: (row) => bytes(row.external_bytes), number: true },
      { title: "mean", value: (row) => row.mean, text: (row) => bytes(row.mean), number: true },
      { title: "share", value: (row) => row.share, text: (row) => percent(row.share), number: true },
    ], histogram.types, { sorted: 2, search: true }),
  );
}

function frames(all: Frame[]): HTMLElement {
  return all.length === 0
    ? h("p", { class: "quiet" }, "no frame of Python")
    : h("ol", { class: "stack" }, all.map((frame) => h("li", {}, h("bdi", { class: "function" }, shown(frame.function)), " ", h("bdi", { class: "quiet" }, shown(frame.file) + ":" + (frame.line ?? "?")))));
}

function waiting(thread: Thread): string {
  const wait = thread.waits_for;
  if (!wait) return thread.state + (thread.gil ? ", has the GIL" : "");
  const holders = wait.held_by.filter((each) => each !== null);
  return (
    thread.state + " for " + wait.text + (wait.sure ? "" : " (unsure)") +
    (holders.length === 0 ? "" : (wait.holder_sure ? ", which thread " : ", which may be with thread ") + holders.join(" or ") + (wait.holder_sure ? " has" : " (unsure)"))
  );
}

function threads(stacks: Stacks): HTMLElement {
  if (stacks.error !== undefined) return section("threads", "Threads and tasks", stacks);
  const block = (title: string, state: string, stack: Frame[], open = false): HTMLElement =>
    h("details", { open }, h("summary", {}, h("span", { class: "name" }, textOf(title)), h("span", { class: "state" }, textOf(state)), stack[0] ? h("span", { class: "quiet top" }, textOf(stack[0].function)) : null), frames(stack));
  const tasks = stacks.tasks ?? [];
  const greenlets = stacks.greenlets ?? [];
  return section(
    "threads",
    "Threads and tasks",
    stacks,
    stacks.deadlock_texts.length > 0 && h("div", { class: "problem" }, h("h3", {}, "Deadlock"), h("ul", {}, stacks.deadlock_texts.map((each) => h("li", {}, textOf(each))))),
    h("p", { class: "quiet" }, "The most recent call comes first."),
    h("div", { class: "blocks" }, stacks.threads.map((each) => block("thread " + (each.tid ?? "?") + (each.name ? " (" + each.name + ")" : ""), waiting(each), each.frames, stacks.threads.length === 1))),
    tasks.length > 0 && h("h3", {}, count(tasks.length) + " asyncio tasks"),
    tasks.length > 0 && h("div", { class: "blocks" }, tasks.map((each) => block((each.name ?? "task") + " " + address(each.id), each.state + (each.waits_for ? ", waits for " + each.waits_for : ""), each.frames))),
    greenlets.length > 0 && h("h3", {}, count(greenlets.length) + " greenlets that do not run now"),
    greenlets.length > 0 && h("div", { class: "blocks" }, greenlets.map((each) => block(each.type + " " + address(each.id), "", each.frames))),
  );
}

function garbage(part: Garbage): HTMLElement {
  if (part.error !== undefined) return section("garbage", "Garbage", part);
  const kept = part.gc_garbage ?? [];
  return section(
    "garbage",
    "Garbage",
    part,
    h("p", {}, part.total.objects === 0 ? "A full collection would free nothing now." : "A full collection would free " + count(part.total.objects) + " objects now, " + bytes(part.total.bytes) + "."),
    part.types.length > 0 && table("Garbage by type", [
      { title: "type", value: (row) => row.type },
      { title: "objects", value: (row) => row.count, text: (row) => count(row.count), number: true },
      { title: "bytes", value: (row) => row.bytes, text: (row) => bytes(row.bytes), number: true },
    ], part.types, { sorted: 2, search: true }),
    part.components.length > 0 && h("h3", {}, "In groups that hold together"),
    part.components.length > 0 && table("Groups of garbage", [
      { title: "types", value: (row) => row.types },
      { title: "alike", value: (row) => row.count, text: (row) => count(row.count), number: true },
      { title: "objects each", value: (row) => row.objects, text: (row) => count(row.objects), number: true },
      { title: "bytes each", value: (row) => row.bytes, text: (row) => bytes(row.bytes), number: true },
      { title: "with __del__", value: (row) => row.finalizers, text: (row) => count(row.finalizers), number: true },
      { title: "weakref callbacks", value: (row) => row.callbacks, text: (row) => count(row.callbacks), number: true },
      { title: "one of them", value: (row) => row.id, text: (row) => address(row.id), number: true },
    ], part.components),
    kept.length > 0 && h("h3", {}, "In gc.garbage, which no collection frees"),
    kept.length > 0 && table("In gc.garbage", [
      { title: "type", value: (row) => row.type },
      { title: "repr", value: (row) => row.repr },
      { title: "id", value: (row) => row.id, text: (row) => address(row.id), number: true },
    ], kept),
  );
}

function sites(part: Tracemalloc): HTMLElement {
  if (part.error !== undefined || !part.tracing) return section("sites", "Where it was allocated", part);
  return section(
    "sites",
    "Where it was allocated",
    part,
    h("p", {}, "tracemalloc has " + count(part.traces) + " traces of " + bytes(part.current) + "; at its peak " + bytes(part.peak) + "."),
    table("Allocation sites", [
      { title: "line", value: (row) => row.file + ":" + row.line },
      { title: "bytes", value: (row) => row.size, text: (row) => bytes(row.size), number: true },
      { title: "blocks", value: (row) => row.count, text: (row) => count(row.count), number: true },
    ], part.rows ?? [], { sorted: 1, search: true }),
  );
}

function setTheme(theme: string): void {
  document.documentElement.dataset.theme = theme;
}

// The parts of one report, which are below what is of both.
function partsOf(report: Report): HTMLElement[] {
  return [
    bill(report.memory),
    suspects(report.leaks),
    report.growth && report.diff ? growth(report.growth, report.diff, report.survivors) : null,
    section("holders", "What holds each type", {}, h("p", {}, "Below a type stands what alone keeps its objects alive, type by type, and at the end the owner. Choose one to walk into it."), shareView(report.type_shares, "what holds each type", icicle)),
    section("dominators", "Who alone keeps what alive", {}, h("p", {}, "The dominator tree: each area holds what would be freed with it. Choose one to walk into it; its title leads back."), shareView(report.dominator_shares, "the dominator tree", treemap)),
    types(report.histogram),
    threads(report.stacks),
    garbage(report.garbage),
    sites(report.tracemalloc),
  ].filter((part): part is HTMLElement => part !== null);
}

// Which of two targets the parts below are of.
function chooser(choose: () => void): HTMLElement {
  const buttons = targets.map((each) =>
    h("button", {
      type: "button",
      "aria-pressed": each === target ? "true" : "false",
      onclick: () => {
        target = each;
        buttons.forEach((button, i) => button.setAttribute("aria-pressed", targets[i] === target ? "true" : "false"));
        choose();
      },
    }, badge(each), h("bdi", {}, nameOf(each))));
  return h("div", { class: "chooser", role: "group", "aria-label": "Whose the parts below are" }, h("span", { class: "quiet" }, "Below stands the report of"), buttons);
}

function start(): void {
  const dark = matchMedia("(prefers-color-scheme: dark)");
  setTheme(dark.matches ? "dark" : "light");
  dark.addEventListener("change", () => setTheme(dark.matches ? "dark" : "light"));
  const { info, memory, leaks, heapglass, made } = target.report;
  document.title = sideBySide ? targets.map(nameOf).join(" and ").slice(0, 80) + " - heapglass" : shown(info.command || info.target).slice(0, 80) + " - heapglass report";
  const page = document.getElementById("page")!;
  page.replaceChildren();
  append(page, sideBySide ? [h("header", {}, brand(), h("h1", {}, "Two targets side by side")), headers()] : [header(info, memory), verdict(memory, leaks)]);
  // What is above is painted before the rest is made.
  const rest = (): void => {
    const fixed = [served ? walk() : null, sideBySide ? beside(sideBySide) : null].filter((part): part is HTMLElement => part !== null);
    const below = h("div");
    const list = h("ul");
    const fill = (): void => {
      const parts = partsOf(target.report);
      below.replaceChildren(...parts);
      list.replaceChildren(...[...fixed, ...parts].map((part) => h("li", {}, h("a", { href: "#" + part.id }, part.querySelector("h2")!.textContent!))));
    };
    fill();
    append(page, h("nav", { class: "contents", "aria-label": "Parts of the report" }, list), fixed, sideBySide ? chooser(fill) : null, below);
    append(page, h("footer", {}, h("p", {}, "Made by heapglass " + heapglass + " at " + moment(made) + (served ? ". It asks heapglass ui on this machine, and nobody else." : ". This file fetches nothing."))));
    document.documentElement.dataset.ready = "yes";
    if (location.hash.length > 1) document.getElementById(location.hash.slice(1))?.scrollIntoView();
  };
  requestAnimationFrame(() => setTimeout(rest));
}

addEventListener("beforeprint", () => {
  for (const details of Array.from(document.querySelectorAll<HTMLDetailsElement>(".parts > details, .card details, .as-list, .blocks > details"))) details.open = true;
});

start();
