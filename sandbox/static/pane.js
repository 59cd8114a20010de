// Parts of both sides: a log of messages in order, a typing line, and a composer.

import { clock, element } from "./dom.js";

const TYPING_EVERY_MS = 3000;

export class Pane {
  // `build` makes the parts of a message from an entry: classes, contents, extras, foot; `order(a, b)` sorts entries.
  constructor(root, { build, order, empty }) {
    this.root = root;
    this.log = root.querySelector(".log");
    this.list = root.querySelector(".messages");
    this.typing = root.querySelector(".typing");
    this.build = build;
    this.order = order;
    this.empty = empty;
    this.entries = new Map();
    this.shown = new Map();
    // If the latest message is in view, keep it in view when the size of the log changes.
    this.follows = true;
    let room = "";
    this.log.addEventListener("scroll", () => {
      // Ignore scrolling that a change of size causes.
      if (room === this.room()) this.follows = this.atEnd();
    });
    new ResizeObserver(() => {
      room = this.room();
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
    this.entries.set(entry.key, entry);
    if (known) {
      // Replace the foot only: the rest may have the focus or a playing video.
      known.className = this.build.classes(entry);
      known.querySelector(".foot").replaceWith(this.build.foot(entry));
      return false;
    }
    this.list.querySelector(".empty")?.remove();
    const stay = this.atEnd() || this.build.isMine(entry);
    const made = element("li", { className: this.build.classes(entry) },
      element("div", { className: "bubble" }, ...this.build.contents(entry)),
      ...this.build.extras(entry), this.build.foot(entry));
    this.insert(entry, made);
    this.shown.set(entry.key, made);
    if (stay) this.toEnd();
    for (const medium of made.querySelectorAll("img, video")) {
      for (const loaded of ["load", "loadedmetadata"]) {
        medium.addEventListener(loaded, () => { if (stay) this.toEnd(); }, { once: true });
      }
    }
    return true;
  }

  room() {
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

export class Composer {
  // `send({ text, file })` sends and may throw; `type()` is called every few seconds while somebody writes;
  // `refuse(file)` returns the reason why a file cannot be sent, or "".
  constructor(root, { send, type, refuse = () => "" }) {
    this.form = root.querySelector(".composer");
    this.box = this.form.querySelector("textarea");
    this.input = this.form.querySelector("input[type=file]");
    this.attached = this.form.querySelector(".attached");
    this.note = this.form.querySelector(".note");
    this.send = send;
    this.refuse = refuse;
    this.file = null;
    this.lastTyping = 0;

    this.form.addEventListener("submit", (event) => {
      event.preventDefault();
      this.submit();
    });
    this.box.addEventListener("keydown", (event) => {
      // Enter that ends the composition of a character does not send.
      if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
      event.preventDefault();
      this.submit();
    });
    this.box.addEventListener("input", () => {
      this.grow();
      if (!this.box.value.trim() || Date.now() - this.lastTyping < TYPING_EVERY_MS) return;
      this.lastTyping = Date.now();
      type();
    });
    this.box.addEventListener("paste", (event) => this.take(event.clipboardData?.files?.[0]));
    this.form.querySelector(".attach").addEventListener("click", () => this.input.click());
    this.input.addEventListener("change", () => this.take(this.input.files[0]));
    this.form.querySelector(".drop").addEventListener("click", () => {
      this.take(null);
      this.box.focus();
    });
  }

  grow() {
    this.box.style.height = "auto";
    this.box.style.height = `${Math.min(this.box.scrollHeight, 140)}px`;
  }

  take(file) {
    if (file === undefined) return;
    this.input.value = "";
    this.note.textContent = file ? this.refuse(file) : "";
    if (this.note.textContent) return;
    this.file = file;
    this.attached.hidden = !file;
    this.attached.querySelector(".file-name").textContent = file ? `${file.name} (${size(file.size)})` : "";
    if (file) this.box.focus();
  }

  async submit() {
    const text = this.box.value.trim();
    const file = this.file;
    if (!text && !file) return;
    this.box.value = "";
    this.lastTyping = 0;
    this.grow();
    this.take(null);
    this.box.focus();
    await this.attempt(() => this.send({ text, file }));
  }

  async attempt(deed) {
    this.note.textContent = "";
    try {
      await deed();
    } catch (problem) {
      this.note.textContent = problem.message;
    }
  }
}

function size(bytes) {
  return bytes < 1024 * 1024 ? `${Math.ceil(bytes / 1024)} KB` : `${(bytes / 1024 / 1024).toFixed(1)} MB`;
}

// Returns the line under a message: its time and state.
export function foot(seconds, state, reason) {
  const parts = [clock(seconds)];
  if (state) {
    const [mark, word] = state;
    parts.push(element("span", { className: "mark", textContent: mark, "aria-hidden": "true" }),
      element("span", { className: "state", textContent: reason ? `${word}: ${reason}` : word }));
  }
  return element("p", { className: "foot" }, ...parts);
}
