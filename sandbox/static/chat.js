// X Chat: the switch that turns it on, the lock, and what a customer does with an encrypted message.

import * as api from "./api.js";
import { element } from "./dom.js";

const REACTION = "👍";

export class Chat {
  // `root` is the phone, `here` the conversation that is shown, `composer` its form.
  constructor(root, here, composer) {
    this.here = here;
    this.composer = composer;
    this.button = root.querySelector("#x-chat");
    this.lock = root.querySelector("#lock");
    this.keys = root.querySelector("#x-chat-keys");
    this.command = this.keys.querySelector("code");
    this.bar = root.querySelector(".chat-mode");
    // A message that the next text answers or replaces: { kind: "reply" | "edit", dm }.
    this.mode = null;
    this.button.addEventListener("click", () => this.composer.attempt(() => this.toggle()));
    this.bar.querySelector("button").addEventListener("click", () => this.setMode(null));
  }

  // Shows whether the two write encrypted messages.
  async load() {
    this.setMode(null);
    this.button.hidden = this.here.account.api !== "v2";
    this.show({ on: false });
    if (this.button.hidden) return;
    await this.composer.attempt(async () => {
      const pair = JSON.stringify(this.here.pair);
      const state = await api.xChat(this.here.pair);
      if (pair === JSON.stringify(this.here.pair)) this.show(state);
    });
  }

  show({ on, key_file: file, key_version: version }) {
    this.button.setAttribute("aria-pressed", String(on));
    this.lock.hidden = !on;
    document.querySelector("#desk-lock").hidden = !on;
    this.keys.hidden = !on || !file;
    this.command.textContent = `.venv/bin/twitter-connector xchat unlock ${this.here.account.id} `
      + `--key-file ${file} --key-version ${version} --yes`;
  }

  async toggle() {
    this.show(await api.switchXChat(this.here.pair, this.button.getAttribute("aria-pressed") !== "true"));
    this.composer.box.focus();
  }

  // Sends what was written: a message, a reply, or other words for an earlier message.
  async send(said) {
    const { mode } = this;
    this.setMode(null);
    if (mode?.kind === "edit") return api.chatAct("edit", { event_id: mode.dm.id, text: said.text });
    return api.customerSays(this.here.pair, { ...said, replyTo: mode?.dm.id ?? null });
  }

  setMode(mode) {
    this.mode = mode;
    this.bar.hidden = !mode;
    if (!mode) return;
    const deed = mode.kind === "reply" ? "Reply to" : "Change";
    this.bar.querySelector("span").textContent = `${deed}: ${mode.dm.text || "a file"}`;
    if (mode.kind === "edit") this.composer.box.value = mode.dm.text;
    this.composer.box.focus();
  }

  // Returns the menu of an encrypted message.
  actions(dm) {
    if (!dm.encrypted || dm.deleted) return [];
    const reacted = dm.reactions.includes(REACTION);
    const deeds = [
      ["Reply", () => this.setMode({ kind: "reply", dm })],
      [reacted ? `Take ${REACTION} away` : `React ${REACTION}`,
        () => this.act("reaction", { event_id: dm.id, emoji: REACTION, removed: reacted })],
    ];
    if (!dm.by_account) {
      deeds.push(["Edit", () => this.setMode({ kind: "edit", dm })],
        ["Delete", () => this.act("deletion", { event_id: dm.id })]);
    }
    const menu = element("details", { className: "chat-actions" }, element("summary", { textContent: "More" }));
    for (const [label, act] of deeds) {
      const button = element("button", { type: "button", className: "action", textContent: label });
      button.addEventListener("click", () => {
        menu.open = false;
        act();
      });
      menu.append(button);
    }
    return [menu];
  }

  act(deed, body) {
    this.composer.box.focus();
    return this.composer.attempt(() => api.chatAct(deed, body));
  }
}

// Whether an encrypted message looks different now: edited, deleted, or with other reactions.
export function looksDifferent(before, now) {
  const parts = (dm) => JSON.stringify([dm.text, dm.edited, dm.deleted, dm.reactions]);
  return Boolean(now.encrypted) && parts(before) !== parts(now);
}

// Returns what stands before and after the contents of an encrypted message.
export function frame(dm) {
  if (!dm.encrypted) return [[], []];
  const before = dm.reply_to ? [element("blockquote", { className: "quoted", dir: "auto", textContent: dm.reply_to })] : [];
  const after = [];
  if (dm.deleted) after.push(element("p", { className: "soft", textContent: "This message was deleted." }));
  if (dm.edited && !dm.deleted) after.push(element("p", { className: "soft", textContent: "Edited" }));
  if (!dm.verified) after.push(element("p", { className: "problem", textContent: "Not verified" }));
  if (dm.reactions.length) {
    after.push(element("p", { className: "reactions", textContent: `Reaction: ${dm.reactions.join(" ")}` }));
  }
  return [before, after];
}

// Returns the lock that marks an encrypted message.
export function lock(dm) {
  return dm.encrypted ? element("span", { className: "lock", textContent: "Encrypted" }) : null;
}
