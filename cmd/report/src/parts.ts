// What every part of the page is made of.
import type { Info, Memory, Part } from "./data";
import { h } from "./dom";
import { bytes, count, milliseconds, moment, shown } from "./words";

export function textOf(text: unknown): HTMLElement {
  return h("bdi", {}, shown(text));
}

export function notes(part: Part): HTMLElement | null {
  return part.notes && part.notes.length > 0 ? h("ul", { class: "notes" }, part.notes.map((note) => h("li", {}, textOf(note)))) : null;
}

// A part of the page; one that heapglass could not tell says why.
export function section(id: string, title: string, part: Part, ...children: (Node | string | null | false)[]): HTMLElement {
  return h("section", { id, "aria-labelledby": id + "-title" }, h("h2", { id: id + "-title" }, title), part.error !== undefined ? h("p", { class: "problem" }, textOf(part.error)) : children, part.error === undefined && notes(part));
}

export function fact(name: string, value: string | null | undefined): HTMLElement | null {
  return value === null || value === undefined || value === "" ? null : h("div", {}, h("dt", {}, name), h("dd", {}, textOf(value)));
}

export function facts(info: Info, memory: Memory): HTMLElement {
  const state = Array.isArray(info.state) ? info.state.join(", ") : info.state;
  return h(
    "dl",
    { class: "facts" },
    fact("target", info.target),
    fact("captured", moment(info.time)),
    fact("Python", info.python + (info.build === "debug" ? " (debug)" : "")),
    fact("RSS", info.rss === undefined ? (memory.rss ? bytes(memory.rss) : null) : bytes(info.rss)),
    fact("objects", count(info.objects) + ", " + bytes(info.bytes)),
    fact("threads", count(info.threads) + " of Python, " + count(info.os_threads) + " in all"),
    fact("state", state),
    fact("paused for", milliseconds(info.pause_ms) + " (" + info.freeze + ")"),
    fact("values", info.values === "kept" ? null : info.values),
    fact("executable", info.executable),
  );
}

export function caveats(info: Info): HTMLElement | null {
  return info.notes && info.notes.length > 0 ? h("aside", { class: "caveats", "aria-label": "Caveats" }, h("h2", {}, "What is not exact"), notes(info)) : null;
}
