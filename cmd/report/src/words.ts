// Numbers and texts as heapglass prints them.

const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Cs}\p{Co}\p{Noncharacter_Code_Point}\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0\ufe00-\ufe0f\u{e0100}-\u{e01ef}]/gu;

// A text of the target: what would steer the reader (controls, marks of direction, lone surrogates) is spelled out, as
// the commands do it.
export function shown(text: unknown): string {
  return String(text ?? "-").replace(HIDDEN, (c) => {
    const point = c.codePointAt(0)!;
    if (c === "\n") return "\\n";
    if (c === "\t") return "\\t";
    if (c === "\r") return "\\r";
    if (point >= 0xdc80 && point <= 0xdcff) return "\ufffd";
    const hex = point.toString(16);
    if (point < 0x100) return "\\x" + hex.padStart(2, "0");
    return point < 0x10000 ? "\\u" + hex.padStart(4, "0") : "\\U" + hex.padStart(8, "0");
  });
}

export function count(n: number | null | undefined): string {
  return n === null || n === undefined ? "-" : n.toLocaleString("en-US");
}

// Three digits, powers of 1000: 512 B, 1.23 kB, 45.6 MB.
export function bytes(n: number | null | undefined): string {
  if (n === null || n === undefined) return "-";
  const sign = n < 0 ? "-" : "";
  let value = Math.abs(n);
  if (value < 1000) return sign + value + " B";
  const units = ["kB", "MB", "GB", "TB", "PB", "EB"];
  let unit = -1;
  do {
    value /= 1000;
    ++unit;
  } while (value >= 999.5 && unit + 1 < units.length);
  return sign + value.toFixed(value < 9.995 ? 2 : value < 99.95 ? 1 : 0) + " " + units[unit];
}

export const delta = (n: number | null | undefined): string => (n && n > 0 ? "+" : "") + count(n);
export const bytesDelta = (n: number | null | undefined): string => (n && n > 0 ? "+" : "") + bytes(n);
export const percent = (ratio: number): string => (100 * ratio).toFixed(1) + " %";
export const address = (n: number | null | undefined): string => (n ? "0x" + n.toString(16) : "-");
export const plainType = (type: string): string => (type.startsWith("builtins.") ? type.slice(9) : type);

export function milliseconds(n: number): string {
  return n < 10 ? n.toFixed(2) + " ms" : n < 1000 ? n.toFixed(1) + " ms" : (n / 1000).toFixed(2) + " s";
}

export function moment(seconds: number): string {
  return new Date(seconds * 1000).toISOString().replace("T", " ").replace(".000Z", " UTC");
}
