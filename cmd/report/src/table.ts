// A table that is sorted and searched, of which only the rows in sight are elements.
import { append, h, newId } from "./dom";
import { shown } from "./words";

export interface Column<Row> {
  title: string;
  value: (row: Row) => number | string | null | undefined; // by which it is sorted
  text?: (row: Row) => string; // else the value
  number?: boolean;
  cell?: (row: Row) => Node; // in place of the text
}

const ROW_HEIGHT = 30; // as page.css has it
const ROWS_IN_SIGHT = 16;
const ALL_AT_ONCE = 40;

export function table<Row>(
  label: string,
  columns: Column<Row>[],
  all: Row[],
  options: { sorted?: number; search?: boolean } = {},
): HTMLElement {
  let sorted = options.sorted ?? -1;
  let descending = true;
  let rows = all;
  let filter = "";
  const texts = (column: Column<Row>, row: Row): string => shown(column.text ? column.text(row) : column.value(row));
  const body = h("tbody");
  const status = h("p", { class: "quiet", role: "status" });
  const scrolls = all.length > ALL_AT_ONCE;
  const box = h("div", {
    class: "rows" + (scrolls ? " scrolls" : ""),
    tabindex: 0,
    role: "group",
    "aria-label": label,
    onscroll: () => scrolls && draw(),
  });

  function rowElement(row: Row, index: number): HTMLElement {
    const element = h("tr", { "aria-rowindex": index + 2 });
    columns.forEach((column, i) => {
      const text = column.cell ? "" : texts(column, row);
      append(
        element,
        h(
          i === 0 ? "th" : "td",
          {
            class: column.number ? "number" : undefined,
            scope: i === 0 ? "row" : undefined,
            title: text.length > 40 ? text : undefined,
          },
          column.cell ? column.cell(row) : h("bdi", {}, text),
        ),
      );
    });
    return element;
  }
  function spacer(count: number): HTMLElement | null {
    if (count <= 0) return null;
    const cell = h("td", { colspan: columns.length });
    cell.style.height = count * ROW_HEIGHT + "px";
    return h("tr", { class: "spacer", "aria-hidden": "true" }, cell);
  }
  function draw(): void {
    const first = scrolls ? Math.max(0, Math.floor(box.scrollTop / ROW_HEIGHT) - 10) : 0;
    const end = scrolls ? Math.min(rows.length, first + ROWS_IN_SIGHT + 30) : rows.length;
    body.replaceChildren();
    append(
      body,
      spacer(first),
      rows.slice(first, end).map((row, i) => rowElement(row, first + i)),
      spacer(rows.length - end),
    );
  }
  function update(): void {
    const wanted = filter.toLowerCase();
    rows = wanted ? all.filter((row) => columns.some((c) => !c.number && texts(c, row).toLowerCase().includes(wanted))) : all;
    if (sorted >= 0) {
      const value = columns[sorted].value;
      const sign = descending ? -1 : 1;
      rows = rows.slice().sort((a, b) => {
        const x = value(a) ?? "";
        const y = value(b) ?? "";
        return x === y ? 0 : (x < y ? -1 : 1) * sign;
      });
    }
    status.textContent = wanted ? rows.length.toLocaleString("en-US") + " of " + all.length.toLocaleString("en-US") + " rows" : "";
    box.scrollTop = 0;
    draw();
  }

  const head = h("tr", { "aria-rowindex": 1 });
  const headers = columns.map((column, i) => {
    const header = h(
      "th",
      { scope: "col", class: column.number ? "number" : undefined },
      h(
        "button",
        {
          type: "button",
          class: "sort",
          onclick: () => {
            descending = sorted === i ? !descending : !!column.number;
            sorted = i;
            headers.forEach((each, at) => {
              if (at === i) each.setAttribute("aria-sort", descending ? "descending" : "ascending");
              else each.removeAttribute("aria-sort");
            });
            update();
          },
        },
        column.title,
      ),
    );
    if (i === sorted) header.setAttribute("aria-sort", "descending");
    return header;
  });
  append(head, headers);
  append(box, h("table", { "aria-rowcount": all.length + 1, "aria-label": label }, h("thead", {}, head), body));
  const out = h("div", { class: "table" });
  if (options.search && all.length > 8) {
    const id = newId();
    append(
      out,
      h(
        "div",
        { class: "search" },
        h("label", { for: id }, "Search"),
        h("input", {
          id,
          type: "search",
          autocomplete: "off",
          spellcheck: "false",
          oninput: (event) => {
            filter = event.target.value;
            update();
          },
        }),
        status,
      ),
    );
  }
  append(out, box);
  update();
  return out;
}
