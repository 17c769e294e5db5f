// The one target of the page, or the two that it shows side by side.
import type { Report, SideBySide } from "./data";
import { h } from "./dom";
import { moment, shown } from "./words";

export interface Target {
  letter: string; // "A" or "B"; of a single target: ""
  report: Report;
}

const data = JSON.parse(document.getElementById("data")!.textContent!) as Report | { targets: Report[]; side_by_side: SideBySide };

export const targets: Target[] = "targets" in data ? data.targets.map((report, i) => ({ letter: "AB"[i], report })) : [{ letter: "", report: data }];
export const sideBySide: SideBySide | null = "side_by_side" in data ? data.side_by_side : null;

export const targetOf = (letter: string | undefined): Target => targets.find((each) => each.letter === letter) ?? targets[0];
const plainName = (target: Target): string => shown(target.report.info.target ?? target.report.info.command);
// Two captures of one process are told apart by their times.
export function nameOf(target: Target): string {
  const alike = targets.filter((each) => plainName(each) === plainName(target)).length > 1;
  return plainName(target) + (alike && target.report.info.time ? ", " + moment(target.report.info.time) : "");
}

// The letter, wherever it is not plain which of two targets is meant.
export function badge(target: Target): HTMLElement | null {
  return target.letter === "" ? null : h("span", { class: "target of-" + target.letter, title: nameOf(target) }, target.letter);
}
