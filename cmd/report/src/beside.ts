// Two targets beside each other: who they are, and their memory, types and owners with the differences.
import type { BothRow, SideBySide } from "./data";
import { append, h } from "./dom";
import { caveats, facts, section, textOf } from "./parts";
import { table, type Column } from "./table";
import { badge, targets } from "./targets";
import { link } from "./walk";
import { bytes, bytesDelta, count, delta, percent, shown } from "./words";

export function headers(): HTMLElement {
  return h(
    "div",
    { class: "two" },
    targets.map((each) => {
      const { info, memory, leaks } = each.report;
      const first = leaks.suspects?.[0];
      const id = "target-" + each.letter;
      return h(
        "section",
        { id, "aria-labelledby": id + "-title" },
        h("h2", { id: id + "-title" }, badge(each), " ", textOf(info.command || info.target)),
        h("p", { class: "verdict" }, textOf(memory.error ?? memory.verdict)),
        h("p", { class: "verdict-more" }, leaks.error !== undefined ? textOf(leaks.error) : first ? ["First suspect: ", textOf(first.pattern + ", " + first.owner), ", " + bytes(first.bytes) + " (" + percent(first.share) + " of all objects)."] : "Nothing looks like a leak."),
        info.error !== undefined ? h("p", { class: "problem" }, textOf(info.error)) : [facts(info, memory), caveats(info)],
      );
    }),
  );
}

// The figures of both, and the second's minus the first's.
function figures<Row extends BothRow>(cell?: (row: Row, i: number) => Node): Column<Row>[] {
  const columns: Column<Row>[] = [
    { title: "bytes in A", value: (row) => row.bytes_a, text: (row) => bytes(row.bytes_a), number: true },
    { title: "in B", value: (row) => row.bytes_b, text: (row) => bytes(row.bytes_b), number: true },
    { title: "difference in bytes", value: (row) => row.bytes_delta, text: (row) => bytesDelta(row.bytes_delta), number: true },
    { title: "objects in A", value: (row) => row.count_a, text: (row) => count(row.count_a), cell: cell && ((row) => cell(row, 0)), number: true },
    { title: "in B", value: (row) => row.count_b, text: (row) => count(row.count_b), cell: cell && ((row) => cell(row, 1)), number: true },
    { title: "difference in objects", value: (row) => row.count_delta, text: (row) => delta(row.count_delta), number: true },
  ];
  return columns;
}

type BillRow = NonNullable<SideBySide["bill"]>[number];

function bills(rows: BillRow[]): HTMLElement {
  const kinds = new Map<string, BillRow[]>();
  for (const row of rows) kinds.set(row.category, [...(kinds.get(row.category) ?? []), row]);
  const sum = (all: BillRow[], key: "bytes_a" | "bytes_b"): number => all.reduce((total, row) => total + row[key], 0);
  const most = Math.max(sum(rows, "bytes_a"), sum(rows, "bytes_b"), 1);
  // In the order of the targets' own bills, so that the colours are those of the report below.
  const order = targets.flatMap((each) => (each.report.memory.rows ?? []).map((row) => row.category));
  const names = [...new Set([...order, ...kinds.keys()])].filter((name) => kinds.has(name));
  const bars = targets.map((each, i) => {
    const key = i === 0 ? "bytes_a" : "bytes_b";
    const bar = h("div", { class: "bar", "aria-hidden": "true" });
    names.forEach((name, at) => {
      const piece = h("div", { class: "piece k" + (at % 12), title: each.letter + ", " + shown(name) + ": " + bytes(sum(kinds.get(name)!, key)) });
      piece.style.width = (100 * sum(kinds.get(name)!, key)) / most + "%";
      append(bar, piece);
    });
    return h("div", { class: "labelled-bar" }, badge(each), bar, h("span", { class: "figure" }, bytes(sum(rows, key))));
  });
  const parts = names.map((name, at) => {
    const of = kinds.get(name)!;
    let filled = false;
    const details = h("details", {
      ontoggle: () => {
        if (filled || !details.open) return;
        filled = true;
        append(details, table(name, [{ title: "of", value: (row: BillRow) => row.detail || name }, ...figures<BillRow>().slice(0, of.some((row) => row.count_a + row.count_b > 0) ? 6 : 3)], of, { search: true }));
      },
    }, h("summary", {}, h("span", { class: "swatch k" + (at % 12) }), h("span", { class: "name" }, textOf(name)), h("span", { class: "figure" }, bytes(sum(of, "bytes_a"))), h("span", { class: "figure" }, bytes(sum(of, "bytes_b"))), h("span", { class: "figure" }, bytesDelta(sum(of, "bytes_b") - sum(of, "bytes_a")))));
    return details;
  });
  return h("div", {}, bars, h("div", { class: "parts" }, h("p", { class: "heads", "aria-hidden": "true" }, h("span", { class: "name" }), h("span", { class: "figure" }, "A"), h("span", { class: "figure" }, "B"), h("span", { class: "figure" }, "B − A")), parts));
}

export function beside(part: SideBySide): HTMLElement {
  if (part.error !== undefined) return section("beside", "Side by side", part);
  return section(
    "beside",
    "Side by side",
    part,
    part.other_program !== undefined && h("p", { class: "problem" }, textOf(part.other_program)),
    part.bill !== undefined && h("h3", {}, "What the memory is"),
    part.bill !== undefined && bills(part.bill),
    h("h3", {}, "By type"),
    table("Types side by side", [{ title: "type", value: (row) => row.type }, ...figures<SideBySide["types"][number]>((row, i) => {
      const n = i === 0 ? row.count_a : row.count_b;
      return n > 0 ? link("type", row.type, targets[i], count(n)) : h("bdi", {}, "0");
    })], part.types, { search: true }),
    h("h3", {}, "By owner"),
    table("Owners side by side", [{ title: "owner", value: (row) => row.path }, { title: "what it is", value: (row) => row.what }, ...figures<SideBySide["owners"][number]>()], part.owners, { search: true }),
  );
}
