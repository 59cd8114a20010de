// The form with which both sides write: text, files by button, paste or drop, and typing notifications.

const TYPING_EVERY_MS = 3000;

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
    const over = (on) => (event) => {
      if (!event.dataTransfer?.types.includes("Files")) return;
      event.preventDefault();
      root.classList.toggle("dropping", on);
    };
    root.addEventListener("dragover", over(true));
    root.addEventListener("dragleave", over(false));
    root.addEventListener("drop", (event) => {
      over(false)(event);
      this.take(event.dataTransfer?.files?.[0]);
    });
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
