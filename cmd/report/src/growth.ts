// Growth over captures, by type and by owner, and what is new and gone.
import type { Diff, Growth, GrowthLine, Survivors } from "./data";
import { h, svg } from "./dom";
import { section, textOf } from "./parts";
import { table } from "./table";
import { bytes, bytesDelta, count, delta, moment } from "./words";

// `change`: the value from which on it is otherwise.
function sparkline(values: number[], change: number | undefined): Node {
  const width = 160;
  const height = 26;
  const least = Math.min(...values);
  const most = Math.max(...values);
  const points = values.map((value, i) => {
    const x = values.length > 1 ? (i * (width - 6)) / (values.length - 1) + 3 : 3;
    const y = most > least ? height - 3 - ((value - least) * (height - 6)) / (most - least) : height / 2;
    return [x, y];
  });
  const drawing = svg("svg", { class: "sparkline", viewBox: "0 0 " + width + " " + height, width, height, "aria-hidden": "true" });
  if (change !== undefined) {
    const x = ((points[change - 1][0] + points[change][0]) / 2).toFixed(1);
    drawing.append(svg("line", { class: "change", x1: x, x2: x, y1: 0, y2: height }));
  }
  drawing.append(svg("polyline", { points: points.map((p) => p.map((n) => n.toFixed(1)).join(",")).join(" "), fill: "none" }));
  const last = points[points.length - 1];
  drawing.append(svg("circle", { cx: last[0].toFixed(1), cy: last[1].toFixed(1), r: 2.5 }));
  return drawing;
}

// In bytes a minute, or from capture to capture.
function changeOf(line: GrowthLine, per: Growth["rates_per"]): string {
  const { kind, capture, before, after, step } = line.change;
  if (capture === undefined) return kind === "unsure" ? "unsure" : "";
  const rate = (each: number | undefined): string => bytesDelta(Math.round((each ?? 0) * (per === "second" ? 60 : 1)));
  const unit = per === "second" ? " a minute" : " a capture";
  return "from capture " + (capture + 1) + (kind === "step" ? ": " + bytesDelta(Math.round(step ?? 0)) + " at once" : ": " + rate(after) + unit + ", before " + rate(before));
}

function lines(title: string, all: GrowthLine[], per: Growth["rates_per"]): HTMLElement {
  const of = (line: GrowthLine, i: number): number => line.bytes[i < 0 ? line.bytes.length - 1 : i];
  return table(title, [
    { title: "name", value: (line) => line.name },
    { title: "bytes over the captures", value: (line) => of(line, -1) - of(line, 0), cell: (line) => sparkline(line.bytes, line.change.capture) },
    ...(all.some((line) => line.change.kind !== "unsure") ? [{ title: "changed", value: (line: GrowthLine) => line.change.capture ?? Infinity, text: (line: GrowthLine) => changeOf(line, per) }] : []),
    { title: "first", value: (line) => of(line, 0), text: (line) => bytes(of(line, 0)), number: true },
    { title: "last", value: (line) => of(line, -1), text: (line) => bytes(of(line, -1)), number: true },
    { title: "growth", value: (line) => of(line, -1) - of(line, 0), text: (line) => bytesDelta(of(line, -1) - of(line, 0)), number: true },
    { title: "objects", value: (line) => line.objects[line.objects.length - 1] - line.objects[0], text: (line) => delta(line.objects[line.objects.length - 1] - line.objects[0]), number: true },
  ], all);
}

export function growth(part: Growth, diff: Diff, survivors: Survivors | undefined): HTMLElement {
  if (part.error !== undefined || diff.error !== undefined) return section("growth", "Growth", part.error !== undefined ? part : diff);
  const captures = part.captures;
  return section(
    "growth",
    "Growth over " + captures.length + " captures",
    { notes: [...(part.notes ?? []), ...(diff.notes ?? [])] },
    diff.other_program !== undefined && h("p", { class: "problem" }, textOf(diff.other_program)),
    table("Captures", [
      { title: "capture", value: (row) => row.number, number: true },
      { title: "target", value: (row) => row.target },
      { title: "time", value: (row) => row.time, text: (row) => moment(row.time), number: true },
      { title: "objects", value: (row) => row.objects, text: (row) => count(row.objects), number: true },
      { title: "bytes", value: (row) => row.bytes, text: (row) => bytes(row.bytes), number: true },
      { title: "RSS", value: (row) => row.rss, text: (row) => bytes(row.rss), number: true },
    ], captures.map((each, i) => ({ ...each, number: i + 1 }))),
    h("h3", {}, "In all"),
    lines("Growth in all", part.total, part.rates_per),
    h("h3", {}, "By type"),
    lines("Growth by type", part.types, part.rates_per),
    h("h3", {}, "By owner"),
    lines("Growth by owner", part.owners, part.rates_per),
    h("h3", {}, "New and gone, from the first to the last"),
    table("New and gone by type", [
      { title: "type", value: (row) => row.type },
      { title: "before", value: (row) => row.count_before, text: (row) => count(row.count_before), number: true },
      { title: "after", value: (row) => row.count_after, text: (row) => count(row.count_after), number: true },
      { title: "objects", value: (row) => row.count_delta, text: (row) => delta(row.count_delta), number: true },
      { title: "new", value: (row) => row.new, text: (row) => count(row.new), number: true },
      { title: "gone", value: (row) => row.gone, text: (row) => count(row.gone), number: true },
      { title: "still there", value: (row) => row.count_after - row.new, text: (row) => count(row.count_after - row.new), number: true },
      { title: "bytes", value: (row) => row.bytes_delta, text: (row) => bytesDelta(row.bytes_delta), number: true },
      { title: "retained", value: (row) => row.retained_delta, text: (row) => bytesDelta(row.retained_delta), number: true },
    ], diff.types, { sorted: 7, search: true }),
    survivors && survivors.error === undefined
      ? h(
          "div",
          {},
          h("h3", {}, "Survivors"),
          h("p", {}, count(survivors.survivors.new) + " objects are in the second capture and not in the first; " + count(survivors.survivors.survived) + " of them (" + bytes(survivors.survivors.bytes) + ") are in the last too."),
          table("Survivors by type", [
            { title: "type", value: (row) => row.type },
            { title: "objects", value: (row) => row.count, text: (row) => count(row.count), number: true },
            { title: "bytes", value: (row) => row.bytes, text: (row) => bytes(row.bytes), number: true },
          ], survivors.types, { sorted: 2, search: true }),
          table("Survivors by owner", [
            { title: "owner", value: (row) => row.path },
            { title: "what", value: (row) => row.what },
            { title: "objects", value: (row) => row.count, text: (row) => count(row.count), number: true },
            { title: "bytes", value: (row) => row.bytes, text: (row) => bytes(row.bytes), number: true },
          ], survivors.owners, { sorted: 3, search: true }),
        )
      : null,
  );
}
