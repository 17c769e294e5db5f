// Walking through the whole heap, where heapglass ui is there to be asked: a page of a file has not got this.
import { combobox } from "./combobox";
import { offersAt, type Names } from "./completion";
import { append, h, newId, type Child } from "./dom";
import { picture } from "./picture";
import { table } from "./table";
import { badge, nameOf, sideBySide, targetOf, targets, type Target } from "./targets";
import { address, bytes, count, shown } from "./words";

interface Reference {
  label: string;
  id: number;
  type: string;
  repr: string;
  sure: boolean;
}
interface Found {
  id: number;
  type: string;
  size?: number;
  external_bytes?: number;
  retained_bytes: number;
  retained_objects?: number;
  repr: string;
}
interface ObjectAnswer {
  [field: string]: unknown;
  id: number;
  type: string;
  size: number;
  retained_bytes: number;
  path: string;
  path_ids: number[];
  dominator: string | undefined;
  dominator_id: number | null;
  referents: Reference[];
  referrers: Reference[];
  notes?: string[];
}
class Refused extends Error {}

export const served = document.getElementById("data")!.dataset.connect === "'self'";

async function ask<Answer>(target: Target, question: string, parameters: Record<string, string>): Promise<Answer> {
  let response: Response;
  try {
    response = await fetch(question + "?" + new URLSearchParams(target.letter ? { ...parameters, in: target.letter } : parameters), { cache: "no-store" });
  } catch {
    throw new Refused("heapglass ui has ended: start it again, and open its new address.");
  }
  if (response.ok && question === "picture") return (await response.text()) as Answer;
  const answer = await response.json().catch(() => ({ error: "heapglass ui answered " + response.status }));
  if (!response.ok || answer.error !== undefined) throw new Refused(answer.error + (answer.hint ? " (" + answer.hint + ")" : ""));
  return answer as Answer;
}

// Where one is stands in the address, so that the browser's back and forward walk too: the kind, in which of two
// targets, and what.
const place = (kind: string, text: string, target: Target): string => "#walk=" + kind + (target.letter ? "@" + target.letter : "") + ":" + encodeURIComponent(text);
export function link(kind: string, text: string, target: Target, says = text): HTMLElement {
  return h("a", { href: place(kind, text, target) }, badge(target), target.letter && " ", h("bdi", {}, shown(says)));
}
const toObject = (id: number, target: Target): HTMLElement => link("object", address(id), target);

const KINDS: Record<string, { title: string; example: string }> = {
  type: { title: "Objects of a type", example: "dict, or module.Class" },
  where: { title: "Objects for which a condition is true", example: "size > 1MB and type == 'builtins.bytes'" },
  object: { title: "The object at an address", example: "0x7f10a2b3c4d0" },
  sql: { title: "SQL", example: "SELECT type, count(*) FROM objects GROUP BY type ORDER BY 2 DESC" },
};

function objects(target: Target, title: string, rows: Found[], matches: number): Child[] {
  return [
    h("p", {}, badge(target), target.letter && " ", rows.length < matches ? "The first " + count(rows.length) + " of " + count(matches) + " objects, by retained size." : count(matches) + (matches === 1 ? " object." : " objects.")),
    table(title, [
      { title: "object", value: (row) => row.id, cell: (row) => toObject(row.id, target) },
      { title: "type", value: (row) => row.type },
      { title: "repr", value: (row) => row.repr },
      { title: "size", value: (row) => row.size ?? 0, text: (row) => bytes(row.size), number: true },
      { title: "retained", value: (row) => row.retained_bytes, text: (row) => bytes(row.retained_bytes), number: true },
    ], rows, { sorted: 4, search: true }),
  ];
}

function references(target: Target, title: string, rows: Reference[]): HTMLElement {
  return table(title, [
    { title: "as", value: (row) => row.label },
    { title: "object", value: (row) => row.id, cell: (row) => toObject(row.id, target) },
    { title: "type", value: (row) => row.type },
    { title: "repr", value: (row) => row.repr },
  ], rows, { search: true });
}

// A part that is asked for when it is opened.
function asked(title: string, make: () => Promise<Child[]>): HTMLElement {
  let begun = false;
  const details = h("details", {
    ontoggle: () => {
      if (begun || !details.open) return;
      begun = true;
      const waiting = h("p", { class: "quiet", role: "status" }, "Asking …");
      append(details, waiting);
      make()
        .then((parts) => waiting.replaceWith(h("div", {}, parts)))
        .catch((error) => waiting.replaceWith(h("p", { class: "problem" }, shown(error.message))));
    },
  }, h("summary", {}, title));
  return details;
}

const FIELDS: [string, string][] = [
  ["is", "is"], ["repr", "repr"], ["bases", "bases"], ["length", "length"], ["refcount", "reference count"], ["found", "references found"],
  ["unaccounted", "references of C code"], ["gc", "collector"], ["site", "allocated by"],
];

async function showObject(target: Target, id: string): Promise<Child[]> {
  const object = await ask<ObjectAnswer>(target, "object", { id, limit: "200" });
  const text = (value: unknown): string => (Array.isArray(value) ? value.join(", ") : typeof value === "number" ? count(value) : String(value));
  const facts = FIELDS.filter(([key]) => object[key] !== undefined && object[key] !== null && text(object[key]) !== "").map(([key, title]) =>
    h("div", {}, h("dt", {}, title), h("dd", {}, h("bdi", {}, shown(text(object[key]))))));
  const way = object.path_ids.map((each, i) => [i > 0 ? " → " : "", toObject(each, target)]).flat();
  const at = address(object.id);
  // Addresses of two programs have nothing to do with each other.
  const other = sideBySide && sideBySide.other_program === undefined && sideBySide.error === undefined && targets.find((each) => each !== target);
  return [
    h("h3", {}, badge(target), target.letter && " ", h("bdi", {}, shown(object.type)), " ", at),
    other && h("p", { class: "quiet" }, "In the other capture of this program: ", link("object", at, other, "what is at this address")),
    h("dl", {},
      h("div", {}, h("dt", {}, "size"), h("dd", {}, bytes(object.size) + (object.external_bytes ? ", and " + bytes(object.external_bytes as number) + " in buffers" : ""))),
      h("div", {}, h("dt", {}, "retained"), h("dd", {}, bytes(object.retained_bytes) + " in " + count(object.retained_objects as number) + " objects, which go with it")),
      facts,
      h("div", {}, h("dt", {}, "path"), h("dd", {}, h("bdi", {}, shown(object.path)), way.length > 1 && h("div", { class: "quiet" }, way))),
      object.dominator_id !== null && h("div", {}, h("dt", {}, "dominator"), h("dd", {}, toObject(object.dominator_id, target), " ", h("bdi", {}, shown(object.dominator)))),
    ),
    h("h4", {}, "Referrers: who holds it"),
    references(target, "Referrers", object.referrers),
    h("h4", {}, "Referents: whom it holds"),
    references(target, "Referents", object.referents),
    asked("Picture of who holds it", async () => [picture(await ask<string>(target, "picture", { id }), "Who holds " + at)]),
    asked("What it alone keeps alive", async () => {
      const answer = await ask<{ matches: number; objects: Found[] }>(target, "dominated", { id, limit: "200" });
      return objects(target, "Kept alive by " + at + " alone", answer.objects, answer.matches);
    }),
  ];
}

async function showObjects(target: Target, parameters: Record<string, string>): Promise<Child[]> {
  const answer = await ask<{ matches: number; objects: Found[] }>(target, "objects", { ...parameters, limit: "500" });
  return objects(target, "Objects", answer.objects, answer.matches);
}

async function showRows(target: Target, sql: string): Promise<Child[]> {
  const answer = await ask<{ cut: boolean; rows: Record<string, unknown>[] }>(target, "query", { sql, limit: "1000" });
  if (answer.rows.length === 0) return [h("p", {}, badge(target), target.letter && " ", "No row.")];
  const columns = Object.keys(answer.rows[0]);
  const isObject = (name: string): boolean => name === "id" || name === "holder" || name === "held";
  return [
    h("p", {}, badge(target), target.letter && " ", answer.cut ? "The first " + count(answer.rows.length) + " rows." : count(answer.rows.length) + (answer.rows.length === 1 ? " row." : " rows.")),
    table("Rows", columns.map((name) => ({
      title: name,
      value: (row: Record<string, unknown>) => row[name] as number | string | null,
      number: !isObject(name) && answer.rows.every((row) => row[name] === null || typeof row[name] === "number"),
      cell: isObject(name) ? (row: Record<string, unknown>) => (typeof row[name] === "number" ? toObject(row[name] as number, target) : h("bdi", {}, shown(row[name]))) : undefined,
    })), answer.rows, { search: true }),
  ];
}

const SHOW: Record<string, (target: Target, text: string) => Promise<Child[]>> = {
  type: (target, type) => showObjects(target, { type }),
  where: (target, where) => showObjects(target, { where }),
  object: showObject,
  sql: showRows,
};

export function walk(): HTMLElement {
  const kindId = newId();
  const textId = newId();
  const targetId = newId();
  const hint = h("p", { class: "quiet" });
  const kind = h("select", { id: kindId, onchange: () => prepare() }, Object.entries(KINDS).map(([name, each]) => h("option", { value: name }, each.title)));
  const where = h("select", { id: targetId, class: "where", onchange: () => prepare() }, targets.map((each) => h("option", { value: each.letter }, each.letter + ": " + nameOf(each))));
  const text = h("input", { id: textId, type: "text", autocomplete: "off", autocapitalize: "off", spellcheck: "false", required: true });
  const answer = h("div", { class: "answer", tabindex: -1 });
  const chosen = (): Target => targetOf(where.value);
  const known = new Map<Target, Names>(); // of each, once it is there
  const field = combobox(text, "Words that may stand here", (value, caret, explicit) => {
    const names = known.get(chosen());
    return names ? offersAt(kind.value, value, caret, names, explicit) : null;
  });
  function prepare(): void {
    text.placeholder = KINDS[kind.value].example;
    const names = known.get(chosen());
    hint.textContent = "";
    if (!names) return;
    const tables = new Map<string, string[]>();
    for (const each of names.columns) tables.set(each.table, [...(tables.get(each.table) ?? []), each.column]);
    hint.textContent = kind.value === "sql" ? [...tables].map(([name, columns]) => name + "(" + columns.join(", ") + ")").join("  ") : kind.value === "where" ? "type, size, retained, refcount, length, repr, and attributes as in .user.name; comparisons ==, !=, <, >, ~ with a pattern, in, is; and, or, not" : "";
  }
  const form = h("form", {
    class: "walk",
    onsubmit: (event: Event) => {
      event.preventDefault();
      const wanted = place(kind.value, text.value, chosen());
      if (location.hash === wanted) show();
      else location.hash = wanted;
    },
  }, h("label", { for: kindId }, "Show"), kind, h("label", { for: textId, class: "aside" }, "Which"), field, sideBySide && h("span", { class: "place" }, h("label", { for: targetId }, "in"), where), h("button", { type: "submit" }, "Show"));

  let turn = 0;
  function show(): void {
    const match = /^#walk=(\w+?)(?:@([AB]))?:(.*)$/s.exec(location.hash);
    if (!match || !SHOW[match[1]]) return;
    let wanted: string;
    try {
      wanted = decodeURIComponent(match[3]);
    } catch {
      return;
    }
    const target = targetOf(match[2]);
    kind.value = match[1];
    where.value = target.letter;
    prepare();
    text.value = wanted;
    const mine = ++turn;
    answer.setAttribute("aria-busy", "true");
    SHOW[match[1]](target, wanted)
      .catch((error) => [h("p", { class: "problem", role: "alert" }, shown(error.message))])
      .then((parts) => {
        if (mine !== turn) return; // another was asked for meanwhile
        answer.removeAttribute("aria-busy");
        answer.replaceChildren();
        append(answer, parts);
        section.scrollIntoView({ block: "start" });
        answer.focus({ preventScroll: true });
      });
  }
  const section = h("section", { id: "walk", "aria-labelledby": "walk-title" }, h("h2", { id: "walk-title" }, sideBySide ? "Walk through the heaps" : "Walk through the heap"), form, hint, answer);
  addEventListener("hashchange", show);
  prepare();
  for (const each of targets)
    ask<Names>(each, "names", {}).then((got) => {
      known.set(each, got);
      prepare();
    }).catch(() => undefined);
  // Open as long as the page is: heapglass ui ends with it.
  const alive = new EventSource("alive");
  alive.onerror = () => {
    alive.close();
    append(section, h("p", { class: "problem", role: "status" }, "heapglass ui has ended: what is on this page stays, and nothing more can be asked."));
  };
  show();
  return section;
}
