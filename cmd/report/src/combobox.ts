// A field that offers words below it, as WAI-ARIA's combobox with a list: arrows choose, Enter and Tab take, Escape
// closes, Ctrl+Space asks for what may stand here.
import type { Offers } from "./completion";
import { h, newId } from "./dom";
import { count, shown } from "./words";

export function combobox(input: HTMLInputElement, label: string, offers: (text: string, caret: number, explicit: boolean) => Offers | null): HTMLElement {
  const listId = newId();
  const list = h("ul", { class: "offers", id: listId, role: "listbox", "aria-label": label, hidden: true });
  const status = h("span", { class: "aside", role: "status" });
  for (const [name, value] of Object.entries({ role: "combobox", "aria-autocomplete": "list", "aria-expanded": "false", "aria-controls": listId, "aria-haspopup": "listbox" })) input.setAttribute(name, value);
  let now: Offers | null = null;
  let active = -1;

  function close(): void {
    now = null;
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
    status.textContent = "";
  }
  function choose(index: number): void {
    active = index;
    Array.from(list.children).forEach((each, i) => each.setAttribute("aria-selected", i === active ? "true" : "false"));
    const element = list.children[active];
    if (!element) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", element.id);
    element.scrollIntoView({ block: "nearest" });
  }
  function take(index: number): void {
    if (!now) return;
    const { from, to, offers: all } = now;
    const offer = all[index];
    close();
    input.setRangeText(offer.insert, from, to, "end");
    input.focus();
    if (/[(. ]$/.test(offer.insert)) open(false); // what follows a table may be plain
  }
  function open(explicit: boolean): void {
    const text = input.value;
    const found = offers(text, input.selectionStart ?? text.length, explicit);
    const only = found && found.offers.length === 1 && found.offers[0].insert.trimEnd() === text.slice(found.from, found.to);
    if (!found || found.offers.length === 0 || only) return close();
    now = found;
    list.replaceChildren(
      ...found.offers.map((offer, i) =>
        h("li", {
          role: "option",
          id: listId + "-" + i,
          "aria-selected": "false",
          onpointerdown: (event) => event.preventDefault(), // the field keeps the focus
          onclick: () => take(i),
        }, h("bdi", {}, shown(offer.word)), offer.what && h("span", { class: "quiet" }, shown(offer.what)))),
    );
    list.hidden = false;
    input.setAttribute("aria-expanded", "true");
    choose(-1);
    status.textContent = count(found.offers.length) + (found.offers.length === 1 ? " word" : " words") + " to choose from";
  }
  input.addEventListener("input", () => open(false));
  input.addEventListener("blur", close);
  input.addEventListener("click", close);
  input.addEventListener("keydown", (event) => {
    const last = now ? now.offers.length - 1 : -1;
    if (event.key === "ArrowDown" || event.key === "ArrowUp") {
      event.preventDefault();
      if (!now) open(true);
      if (!now) return;
      const end = now.offers.length - 1;
      if (event.key === "ArrowDown") choose(active >= end ? 0 : active + 1);
      else choose(active <= 0 ? end : active - 1);
    } else if (event.key === " " && event.ctrlKey) {
      event.preventDefault();
      open(true);
    } else if (event.key === "Escape" && now) {
      event.preventDefault();
      close();
    } else if ((event.key === "Enter" || event.key === "Tab") && now && active >= 0 && active <= last) {
      event.preventDefault();
      take(active);
    } else if (event.key === "Enter" || event.key === "ArrowLeft" || event.key === "ArrowRight" || event.key === "Home" || event.key === "End") {
      close();
    }
  });
  return h("div", { class: "combo" }, input, list, status);
}
