// Trees whose parts add up, as an icicle and as a treemap. Both are for the eye; the list beside them has the same for
// the keyboard and for who hears the page.
import type { ShareTree } from "./data";
import { append, h } from "./dom";
import { bytes, count, percent, shown } from "./words";

export interface Place {
  name: string;
  bytes: number;
  objects: number;
  parent: Place | null;
  children: Place[];
  rest: boolean; // what is too small to be shown by itself
}

export function placesOf(tree: ShareTree): Place {
  const places: Place[] = tree.name.map((name, i) => ({
    name: shown(tree.names[name]),
    bytes: tree.bytes[i],
    objects: tree.objects[i],
    parent: null,
    children: [],
    rest: false,
  }));
  places.forEach((place, i) => {
    if (i === 0) return;
    place.parent = places[tree.parent[i]];
    place.parent.children.push(place);
  });
  for (const place of places) {
    if (place.children.length === 0) continue;
    const own = place.children.reduce((left, child) => left - child.bytes, place.bytes);
    const objects = place.children.reduce((left, child) => left - child.objects, place.objects);
    if (own > 0) place.children.push({ name: "itself, and smaller parts", bytes: own, objects, parent: place, children: [], rest: true });
    place.children.sort((a, b) => b.bytes - a.bytes);
  }
  return places[0];
}

interface Box {
  place: Place;
  x: number;
  y: number;
  width: number;
  height: number;
}

// Bruls, Huizing, van Wijk: Squarified Treemaps, 2000.
export function squarified(children: Place[], total: number, x: number, y: number, width: number, height: number): Box[] {
  const out: Box[] = [];
  const scale = total > 0 ? (width * height) / total : 0;
  let at = 0;
  while (at < children.length && width > 1 && height > 1) {
    const side = Math.min(width, height);
    let area = 0;
    let end = at;
    let worst = Infinity;
    while (end < children.length) {
      const next = area + children[end].bytes * scale;
      if (next <= 0) break;
      const largest = children[at].bytes * scale;
      const smallest = children[end].bytes * scale;
      const ratio = Math.max((side * side * largest) / (next * next), (next * next) / (side * side * smallest));
      if (ratio > worst) break;
      worst = ratio;
      area = next;
      ++end;
    }
    if (end === at) break;
    const thickness = area / side;
    let offset = 0;
    for (; at < end; ++at) {
      const length = (children[at].bytes * scale) / thickness;
      out.push(
        width >= height
          ? { place: children[at], x, y: y + offset, width: thickness, height: length }
          : { place: children[at], x: x + offset, y, width: length, height: thickness },
      );
      offset += length;
    }
    if (width >= height) {
      x += thickness;
      width -= thickness;
    } else {
      y += thickness;
      height -= thickness;
    }
  }
  return out;
}

function colour(name: string): number {
  let hash = 7;
  for (let i = 0; i < name.length; ++i) hash = (hash * 31 + name.charCodeAt(i)) >>> 0;
  return hash % 8;
}

function told(place: Place, top: Place): string {
  return place.name + ": " + bytes(place.bytes) + " (" + percent(top.bytes ? place.bytes / top.bytes : 0) + "), " + count(place.objects) + " objects";
}

type Layout = (at: Place, width: number) => { boxes: (Box & { nested?: boolean })[]; height: number };

const ICICLE_ROW = 26;
export const icicle: Layout = (at, width) => {
  const boxes: Box[] = [];
  let level: Box[] = [{ place: at, x: 0, y: 0, width, height: ICICLE_ROW }];
  let depth = 0;
  while (level.length > 0 && depth < 12) {
    boxes.push(...level);
    ++depth;
    const next: Box[] = [];
    for (const box of level) {
      let x = box.x;
      for (const child of box.place.children) {
        const w = box.place.bytes > 0 ? (box.width * child.bytes) / box.place.bytes : 0;
        if (w < 2) break; // the others are smaller
        next.push({ place: child, x, y: depth * ICICLE_ROW, width: w, height: ICICLE_ROW });
        x += w;
      }
    }
    level = next;
  }
  return { boxes, height: Math.max(3, depth) * ICICLE_ROW };
};

const TITLE = 20;
export const treemap: Layout = (at, width) => {
  const height = Math.round(Math.min(520, Math.max(300, width * 0.5)));
  const boxes: (Box & { nested?: boolean })[] = [];
  const visit = (place: Place, x: number, y: number, w: number, hgt: number, depth: number): void => {
    for (const box of squarified(place.children, place.bytes, x, y, w, hgt)) {
      if (box.width < 3 || box.height < 3) continue;
      const nested = depth < 4 && box.place.children.length > 0 && box.width > 50 && box.height > 50;
      boxes.push({ ...box, nested });
      if (nested) visit(box.place, box.x + 3, box.y + TITLE, box.width - 6, box.height - TITLE - 3, depth + 1);
    }
  };
  visit(at, 0, 0, width, height, 0);
  return { boxes, height };
};

export function shareView(tree: ShareTree, label: string, layout: Layout): HTMLElement {
  const top = placesOf(tree);
  let at = top;
  const way = h("nav", { class: "way", "aria-label": "Way into " + label });
  const canvas = h("div", { class: "shares", "aria-hidden": "true" });
  const hover = h("p", { class: "hover", "aria-hidden": "true" });
  const list = h("ul", { class: "share-list" });

  function go(place: Place): void {
    if (place.children.length === 0 && place !== top) return;
    at = place;
    draw();
  }
  function draw(): void {
    const chain: Place[] = [];
    for (let each: Place | null = at; each; each = each.parent) chain.unshift(each);
    way.replaceChildren();
    append(
      way,
      h(
        "ol",
        {},
        chain.map((place) =>
          h(
            "li",
            {},
            h(
              "button",
              { type: "button", "aria-current": place === at ? "location" : undefined, onclick: () => go(place) },
              h("bdi", {}, place.name),
            ),
          ),
        ),
      ),
    );
    const width = canvas.clientWidth || 900;
    const { boxes, height } = layout(at, width);
    canvas.style.height = height + "px";
    canvas.replaceChildren(
      ...boxes.map((box) => {
        const element = h("div", { class: "share " + (box.place.rest ? "rest" : "c" + colour(box.place.name)) + (box.nested ? " nested" : "") });
        element.style.left = box.x + "px";
        element.style.top = box.y + "px";
        element.style.width = Math.max(1, box.width - 1) + "px";
        element.style.height = Math.max(1, box.height - 1) + "px";
        if (box.width > 34 && box.height > 15) append(element, h("bdi", {}, box.place.name));
        (element as any).place = box.place;
        return element;
      }),
    );
    hover.textContent = told(at, top);
    const children = at.children.slice(0, 40);
    const shownBytes = children.reduce((sum, child) => sum + child.bytes, 0);
    list.replaceChildren(
      ...children.map((child) => {
        const text = [
          h("bdi", { class: "name" }, child.name),
          h("span", { class: "figure" }, bytes(child.bytes)),
          h("span", { class: "figure" }, percent(top.bytes ? child.bytes / top.bytes : 0)),
          h("span", { class: "figure objects" }, count(child.objects) + " objects"),
        ];
        return h(
          "li",
          {},
          child.children.length > 0
            ? h("button", { type: "button", class: "row", onclick: () => go(child) }, text)
            : h("div", { class: "row" }, text),
        );
      }),
    );
    if (at.children.length > children.length)
      append(
        list,
        h("li", {}, h("div", { class: "row" }, h("span", { class: "name quiet" }, count(at.children.length - children.length) + " smaller ones"), h("span", { class: "figure" }, bytes(at.bytes - shownBytes)))),
      );
  }
  canvas.addEventListener("click", (event) => {
    const place = (event.target as HTMLElement).closest<any>(".share")?.place as Place | undefined;
    if (place === at && at.parent) go(at.parent);
    else if (place) go(place);
  });
  canvas.addEventListener("mousemove", (event) => {
    const place = (event.target as HTMLElement).closest<any>(".share")?.place as Place | undefined;
    hover.textContent = told(place ?? at, top);
  });
  let width = 0;
  new ResizeObserver(() => {
    if (canvas.clientWidth === width) return;
    width = canvas.clientWidth;
    draw();
  }).observe(canvas);
  draw();
  return h(
    "div",
    { class: "share-view" },
    way,
    canvas,
    hover,
    h("details", { class: "as-list" }, h("summary", {}, "The same as a list"), list),
    tree.left_out > 0 && h("p", { class: "quiet" }, count(tree.left_out) + " places too small to be shown are counted in those above them."),
  );
}
