// The menu that breaks things and restores them. Its state is the sandbox's, so every open page shows the same.

import * as api from "./api.js";
import { element } from "./dom.js";

const BURST = 50;

export class Troubles {
  // `pair()` returns the ids of the conversation that is shown.
  constructor(root, pair) {
    this.root = root;
    this.pair = pair;
    this.list = root.querySelector(".switches");
    this.note = root.querySelector(".menu-note");
    this.count = root.querySelector(".count");
    root.querySelector(".restore").addEventListener("click", () => this.attempt(api.restore));
    root.querySelector(".burst").addEventListener("click", (event) => this.burst(event.currentTarget));
    root.addEventListener("keydown", (event) => {
      if (event.key !== "Escape") return;
      root.open = false;
      root.querySelector("summary").focus();
    });
    document.addEventListener("pointerdown", (event) => {
      if (!root.contains(event.target)) root.open = false;
    });
  }

  async load() {
    this.show((await api.troubles()).troubles);
  }

  show(troubles) {
    const focused = document.activeElement?.id;
    this.list.replaceChildren(...troubles.map(({ name, label, on }) => {
      const box = element("input", { type: "checkbox", id: `trouble-${name}`, checked: on });
      box.addEventListener("change", () => this.attempt(() => api.switchTrouble(name, box.checked)));
      return element("li", {}, element("label", {}, box, ` ${label}`));
    }));
    if (focused?.startsWith("trouble-")) document.getElementById(focused)?.focus();
    const on = troubles.filter((trouble) => trouble.on).length;
    this.count.textContent = on ? `${on} on` : "";
    this.root.classList.toggle("active", on > 0);
  }

  async attempt(change) {
    this.note.textContent = "";
    try {
      this.show((await change()).troubles);
    } catch (problem) {
      this.note.textContent = problem.message;
    }
  }

  async burst(button) {
    button.disabled = true;
    this.note.textContent = `Sending ${BURST} messages…`;
    const pair = this.pair();
    const numbers = Array.from({ length: BURST }, (_, index) => index + 1);
    try {
      await Promise.all(numbers.map((number) => api.customerSays(pair, { text: `${number} of ${BURST}` })));
      this.note.textContent = `${BURST} messages sent.`;
    } catch (problem) {
      this.note.textContent = problem.message;
    }
    button.disabled = false;
  }
}
