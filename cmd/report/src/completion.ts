// What is offered while a condition, a query or a name of a type is typed: words of the server's own lists.

export interface Names {
  types: string[];
  sql: string[]; // keywords in capitals, functions in small letters
  conditions: { word: string; what: string }[];
  columns: { table: string; column: string; type: string; what: string }[];
}
export interface Offer {
  word: string;
  insert: string;
  what: string;
}
export interface Offers {
  from: number; // what is replaced
  to: number;
  offers: Offer[];
}

const MOST = 50;

// Names that begin with what is typed, then those whose last part does, then those that have it anywhere.
function matching(names: string[], typed: string): string[] {
  const wanted = typed.toLowerCase();
  const ranked: string[][] = [[], [], []];
  for (const name of names) {
    const lower = name.toLowerCase();
    const rank = lower.startsWith(wanted) ? 0 : lower.slice(lower.lastIndexOf(".") + 1).startsWith(wanted) ? 1 : lower.includes(wanted) ? 2 : 3;
    if (rank < 3 && ranked[rank].length < MOST) ranked[rank].push(name);
  }
  return ranked.flat().slice(0, MOST);
}

const typeOffers = (names: Names, typed: string, end = ""): Offer[] => matching(names.types, typed).map((name) => ({ word: name, insert: name + end, what: "type" }));

// The text literal that is open at the end of `before`; -1: none is. Quotes are doubled within it, in SQL.
function openQuote(before: string, quotes: string): number {
  let at = -1;
  for (let i = 0; i < before.length; ++i) {
    if (at >= 0) {
      if (before[i] === before[at]) at = -1;
    } else if (quotes.includes(before[i])) {
      at = i;
    }
  }
  return at;
}

function ofType(text: string, names: Names): Offers {
  return { from: 0, to: text.length, offers: typeOffers(names, text.trim()) };
}

function ofCondition(before: string, after: string, names: Names, explicit: boolean): Offer[] | { quoted: number; offers: Offer[] } {
  const quote = openQuote(before, "'\"");
  if (quote >= 0) return { quoted: quote + 1, offers: typeOffers(names, before.slice(quote + 1), after.startsWith(before[quote]) ? "" : before[quote]) };
  const word = /[\w.]*$/.exec(before)![0];
  if (word.startsWith(".")) return []; // an attribute, which nobody lists
  const ahead = before.slice(0, before.length - word.length).trimEnd();
  const wantsType = /(?:==|!=|\bis|\bis\s+not|\bin\s*\([^)]*)$/.test(ahead);
  if (word === "" && !explicit && !wantsType) return [];
  const words = names.conditions.filter((each) => each.word.startsWith(word)).map((each) => ({ word: each.word, insert: each.word + " ", what: each.what }));
  const types = wantsType || word.length > 1 ? typeOffers(names, word) : [];
  return (wantsType ? [...types, ...words] : [...words, ...types]).slice(0, MOST);
}

// By its name or its alias, the table that the query reads.
function tablesOf(sql: string, names: Names): Map<string, string> {
  const known = new Map(names.columns.map((each) => [each.table.toLowerCase(), each.table]));
  const out = new Map<string, string>();
  for (const match of sql.matchAll(/(?:\bfrom|\bjoin|,)\s+(\w+)(?:\s+(?:as\s+)?(\w+))?/gi)) {
    const table = known.get(match[1].toLowerCase());
    if (!table) continue;
    out.set(table.toLowerCase(), table);
    if (match[2] && !names.sql.includes(match[2].toUpperCase())) out.set(match[2].toLowerCase(), table);
  }
  return out;
}

function ofSql(before: string, after: string, names: Names, explicit: boolean): Offer[] | { quoted: number; offers: Offer[] } {
  const quote = openQuote(before, "'");
  if (quote >= 0) return { quoted: quote + 1, offers: typeOffers(names, before.slice(quote + 1), after.startsWith("'") ? "" : "'") };
  const word = /\w*$/.exec(before)![0];
  const ahead = before.slice(0, before.length - word.length);
  const wanted = word.toLowerCase();
  const begins = (text: string): boolean => text.toLowerCase().startsWith(wanted);
  const read = tablesOf(before + after, names);
  const columnOffers = (tables: string[]): Offer[] => {
    const seen = new Set<string>();
    return names.columns
      .filter((each) => tables.includes(each.table) && begins(each.column) && !seen.has(each.column) && seen.add(each.column))
      .map((each) => ({ word: each.column, insert: each.column, what: each.table + ": " + each.what }));
  };
  const qualifier = /(\w+)\.$/.exec(ahead);
  if (qualifier) {
    const table = read.get(qualifier[1].toLowerCase());
    return table === undefined ? [] : columnOffers([table]);
  }
  const all = [...new Set(names.columns.map((each) => each.table))];
  const tables = all.filter(begins).map((table) => ({ word: table, insert: table + " ", what: "table" }));
  if (/\b(?:from|join)\s+(?:\w+\s*,\s*)*$/i.test(ahead)) return tables;
  if (word === "" && !explicit) return [];
  const words = names.sql.filter(begins).map((each) => (each === each.toUpperCase() ? { word: each, insert: each + " ", what: "" } : { word: each, insert: each + "(", what: "function" }));
  return [...columnOffers(read.size > 0 ? [...read.values()] : all), ...words.filter((each) => each.what === ""), ...tables, ...words.filter((each) => each.what !== "")].slice(0, MOST);
}

// What may stand at `caret` of `text`; where nothing is typed yet, only if it is asked for `explicit`ly or plain
// from what is in front.
export function offersAt(kind: string, text: string, caret: number, names: Names, explicit: boolean): Offers | null {
  if (kind === "type") {
    if (text.trim() === "" && !explicit) return null;
    return ofType(text, names);
  }
  if (kind !== "where" && kind !== "sql") return null;
  const before = text.slice(0, caret);
  const after = text.slice(caret);
  const found = (kind === "where" ? ofCondition : ofSql)(before, after, names, explicit);
  if (!Array.isArray(found)) return { from: found.quoted, to: caret, offers: found.offers };
  const word = (kind === "where" ? /[\w.]*$/ : /\w*$/).exec(before)![0];
  return { from: caret - word.length, to: caret, offers: found };
}
