// What both sides show: a log of messages in order, and a line about typing.

import { clock, dayOf, element } from "./dom.js";

export class Pane {
  // `build` makes the parts of a message from an entry: at (seconds), classes, contents, extras, foot;
  // `order(a, b)` sorts entries; `open(entry)` shows the details of one.
  constructor(root, { build, order, empty, open }) {
    this.root = root;
    this.log = root.querySelector(".log");
    this.list = root.querySelector(".messages");
    this.typing = root.querySelector(".typing");
    this.build = build;
    this.order = order;
    this.empty = empty;
    this.open = open;
    this.entries = new Map();
    this.shown = new Map();
    // If the latest message is in view, keep it in view when the size of the log changes.
    this.follows = true;
    let size = "";
    this.log.addEventListener("scroll", () => {
      // Ignore scrolling that a change of size causes.
      if (size === this.size()) this.follows = this.atEnd();
    });
    new ResizeObserver(() => {
      size = this.size();
      if (this.follows) this.toEnd();
    }).observe(this.log);
  }

  show(entries) {
    this.entries.clear();
    this.shown.clear();
    this.list.replaceChildren();
    for (const entry of entries) this.put(entry);
    if (!entries.length) this.list.append(element("li", { className: "empty", textContent: this.empty() }));
    this.toEnd();
  }

  // Adds an entry, or updates the state of a known one. Returns whether it is new.
  put(entry) {
    const known = this.shown.get(entry.key);
    const before = this.entries.get(entry.key);
    this.entries.set(entry.key, entry);
    if (known) {
      // Replace the foot only: the rest may have the focus or a playing video.
      known.className = this.build.classes(entry);
      known.querySelector(".foot").replaceWith(this.build.foot(entry));
      if (this.build.looksDifferent?.(before, entry)) this.renew(known, entry);
      return false;
    }
    this.list.querySelector(".empty")?.remove();
    const stay = this.atEnd() || this.build.isMine(entry);
    const bubble = element("div", { className: "bubble" }, ...this.build.contents(entry));
    bubble.addEventListener("click", (event) => {
      // Links, videos and selected text keep their own click. The keyboard has the button in the foot.
      if (event.target.closest("a, video, audio") || String(getSelection())) return;
      this.open(entry);
    });
    const made = element("li", { className: this.build.classes(entry) }, bubble,
      ...this.build.extras(entry), this.build.foot(entry));
    made.dataset.day = dayOf(this.build.at(entry));
    this.insert(entry, made);
    for (const each of [made, made.nextElementSibling]) this.separate(each);
    this.shown.set(entry.key, made);
    if (stay) this.toEnd();
    for (const medium of made.querySelectorAll("img, video")) {
      for (const loaded of ["load", "loadedmetadata"]) {
        medium.addEventListener(loaded, () => { if (stay) this.toEnd(); }, { once: true });
      }
    }
    return true;
  }

  // Replaces the contents of an entry and what stands below them.
  renew(known, entry) {
    const bubble = known.querySelector(".bubble");
    bubble.replaceChildren(...this.build.contents(entry));
    while (!bubble.nextElementSibling.matches(".foot")) bubble.nextElementSibling.remove();
    bubble.after(...this.build.extras(entry));
  }

  // Puts the day above the first message of each day.
  separate(made) {
    if (!made?.dataset.day) return;
    made.querySelector(".day")?.remove();
    if (made.previousElementSibling?.dataset.day === made.dataset.day) return;
    made.prepend(element("p", { className: "day", textContent: made.dataset.day }));
  }

  size() {
    return `${this.log.clientWidth}x${this.log.clientHeight}`;
  }

  atEnd() {
    return this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
  }

  toEnd() {
    this.log.scrollTop = this.log.scrollHeight;
  }

  insert(entry, made) {
    const later = [...this.entries.values()].filter((other) => this.order(entry, other) < 0).sort(this.order)[0];
    this.list.insertBefore(made, later ? this.shown.get(later.key) : null);
  }

  sorted() {
    return [...this.entries.values()].sort(this.order);
  }

  showTyping(words, milliseconds) {
    this.typing.textContent = words;
    clearTimeout(this.typingTimer);
    this.typingTimer = setTimeout(() => { this.typing.textContent = ""; }, milliseconds);
  }

  stopTyping() {
    this.typing.textContent = "";
  }
}

// Returns the line under a message: its time and state, a button for its details, `again` to send it once more, and a
// `mark` after the time.
export function foot(seconds, state, reason, { open, again = null, mark = null }) {
  const parts = [clock(seconds), mark];
  if (state) {
    const [mark, word] = state;
    parts.push(element("span", { className: "mark", textContent: mark, "aria-hidden": "true" }),
      element("span", { className: "state", textContent: reason ? `${word}: ${reason}` : word }));
  }
  parts.push(action("Details", open), again ? action("Send again", again) : null);
  return element("p", { className: "foot" }, ...parts);
}

function action(label, act) {
  const button = element("button", { type: "button", className: "action", textContent: label });
  button.addEventListener("click", act);
  return button;
}
