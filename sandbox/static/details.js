// The dialog with X's event, the CIM message and the journey of one message.

import * as api from "./api.js";
import { element } from "./dom.js";

export class Details {
  constructor(root) {
    this.root = root;
    this.body = root.querySelector(".details-body");
    root.querySelector(".close").addEventListener("click", () => root.close());
    root.addEventListener("click", (event) => {
      // A click on the dialog itself is a click beside its contents.
      if (event.target === root) root.close();
    });
  }

  // `query` is { event_id } for a message at X, or { message_id } for a CIM message.
  async open(query) {
    this.body.replaceChildren(element("p", { textContent: "Loading…" }));
    if (!this.root.open) this.root.showModal();
    try {
      const message = await api.message(query);
      this.body.replaceChildren(
        ...section("X’s event", message.x_events.map(code), "X has no message for it yet."),
        ...section("CIM message", message.cim_messages.map(code), "CCM has no message for it yet."),
        ...section("Journey", journey(message.journey),
          "The connector knows nothing of this message, or keeps no message log."),
      );
    } catch (problem) {
      this.body.replaceChildren(element("p", { className: "problem", textContent: problem.message }));
    }
  }
}

function section(title, parts, empty) {
  return [element("h3", { textContent: title }),
    ...(parts.length ? parts : [element("p", { className: "soft", textContent: empty })])];
}

function code(value) {
  return element("pre", { tabIndex: 0, textContent: JSON.stringify(value, null, 2) });
}

function journey(log) {
  if (!log) return [];
  const steps = log.journey.map(({ at, event, detail }) => element("tr", {},
    element("td", {}, time(at)), element("td", { textContent: event }), element("td", { textContent: text(detail) })));
  const head = element("tr", {}, ...["Time", "Event", "Detail"].map((name) => (
    element("th", { scope: "col", textContent: name }))));
  return [element("p", { textContent: `State: ${log.state}` }),
    element("table", {}, element("thead", {}, head), element("tbody", {}, ...steps))];
}

function time(at) {
  const shown = new Date(at);
  return element("time", {
    dateTime: String(at),
    textContent: Number.isNaN(shown.getTime()) ? String(at) : shown.toLocaleTimeString([], { hour12: false }),
  });
}

function text(detail) {
  return detail === null || detail === undefined ? "" : typeof detail === "string" ? detail : JSON.stringify(detail);
}
