// Graphviz' SVG, copied element by element from what is known to be harmless, to be moved and enlarged.
import { append, h, svg } from "./dom";

const ELEMENTS = new Set(["svg", "g", "path", "polygon", "polyline", "ellipse", "text", "tspan", "title", "defs", "linearGradient", "stop"]);
const ATTRIBUTES = new Set([
  "viewBox", "class", "transform", "d", "points", "x", "y", "cx", "cy", "rx", "ry", "x1", "x2", "y1", "y2", "fill", "stroke", "stroke-width",
  "stroke-dasharray", "fill-opacity", "stroke-opacity", "text-anchor", "font-family", "font-size", "font-weight", "font-style", "offset", "stop-color",
]);

function copied(from: Element): SVGElement {
  const to = svg(from.localName);
  for (const attribute of Array.from(from.attributes))
    if (ATTRIBUTES.has(attribute.name) && !/url\(/i.test(attribute.value)) to.setAttribute(attribute.name, attribute.value);
  for (const child of Array.from(from.childNodes)) {
    if (child.nodeType === Node.TEXT_NODE) to.append(child.textContent ?? "");
    else if (child.nodeType === Node.ELEMENT_NODE) {
      const element = child as Element;
      if (element.localName === "a") append(to, ...Array.from(element.children).filter((each) => ELEMENTS.has(each.localName)).map(copied));
      else if (ELEMENTS.has(element.localName) && element.localName !== "title") append(to, copied(element));
    }
  }
  return to;
}

export function picture(text: string, label: string): HTMLElement {
  // The style that a picture brings for the dark is the page's own here, and the page allows no other.
  const parsed = new DOMParser().parseFromString(text.replace(/<style>[^<]*<\/style>/, ""), "image/svg+xml").documentElement;
  if (parsed.localName !== "svg") return h("p", {}, "The picture cannot be read.");
  const drawing = copied(parsed);
  const whole = (parsed.getAttribute("viewBox") ?? "0 0 100 100").split(/[ ,]+/).map(Number);
  let [x, y, width, height] = whole;
  drawing.setAttribute("role", "img");
  drawing.setAttribute("aria-label", label);
  const apply = (): void => drawing.setAttribute("viewBox", [x, y, width, height].join(" "));
  const reset = (): void => {
    [x, y, width, height] = whole;
    apply();
  };
  const zoom = (factor: number, fx = 0.5, fy = 0.5): void => {
    const wanted = Math.min(whole[2] * 2, Math.max(whole[2] / 40, width * factor));
    const applied = wanted / width;
    x += width * (1 - applied) * fx;
    y += height * (1 - applied) * fy;
    width *= applied;
    height *= applied;
    apply();
  };
  const move = (dx: number, dy: number): void => {
    x += dx * width;
    y += dy * height;
    apply();
  };
  apply();
  const frame = h("div", {
    class: "picture",
    tabindex: 0,
    role: "group",
    "aria-label": label + ". Arrow keys move, plus and minus enlarge, 0 shows all.",
    onkeydown: (event: KeyboardEvent) => {
      const step = 0.1;
      const keys: Record<string, () => void> = {
        ArrowLeft: () => move(-step, 0),
        ArrowRight: () => move(step, 0),
        ArrowUp: () => move(0, -step),
        ArrowDown: () => move(0, step),
        "+": () => zoom(0.8),
        "=": () => zoom(0.8),
        "-": () => zoom(1.25),
        "0": reset,
      };
      if (event.ctrlKey || event.metaKey || event.altKey || !keys[event.key]) return;
      event.preventDefault();
      keys[event.key]();
    },
    onwheel: (event: WheelEvent) => {
      if (!event.ctrlKey && document.activeElement !== frame) return; // the page scrolls
      event.preventDefault();
      const box = frame.getBoundingClientRect();
      zoom(event.deltaY > 0 ? 1.15 : 0.87, (event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height);
    },
  });
  append(frame, drawing);
  // Drawn no larger than it is, and no higher than half of a screen.
  frame.style.height = Math.min(440, Math.max(140, whole[3] * 1.1)) + "px";
  let dragging = false;
  frame.addEventListener("pointerdown", (event) => {
    dragging = true;
    frame.setPointerCapture(event.pointerId);
  });
  frame.addEventListener("pointermove", (event) => {
    if (!dragging) return;
    const box = frame.getBoundingClientRect();
    const scale = Math.max(width / box.width, height / box.height);
    x -= event.movementX * scale;
    y -= event.movementY * scale;
    apply();
  });
  for (const end of ["pointerup", "pointercancel"]) frame.addEventListener(end, () => (dragging = false));
  const button = (text: string, name: string, act: () => void): HTMLElement => h("button", { type: "button", "aria-label": name, title: name, onclick: act }, text);
  return h(
    "figure",
    { class: "picture-box" },
    h("div", { class: "picture-buttons" }, button("+", "Enlarge", () => zoom(0.7)), button("−", "Reduce", () => zoom(1.4)), button("All", "Show all of it", reset)),
    frame,
  );
}
