// The agent's side: the messages CCM received, and the agent's replies with their state.

import * as api from "./api.js";
import { Comments, isComment } from "./comments.js";
import { Composer } from "./composer.js";
import { element, film, outward, picture, prose } from "./dom.js";
import { foot, Pane } from "./pane.js";

const STATES = {
  sending: ["…", "Sending"],
  sent: ["✓", "Sent"],
  delivered: ["✓✓", "Delivered"],
  read: ["✓✓", "Read"],
  failed: ["!", "Failed"],
};
const DEEDS = {
  LIKE: "Like", UNLIKE: "Take the like back", HIDE: "Hide the comment", DELETE: "Delete our reply", PRIVATE_REPLY: "Private reply",
};
const SAMPLE = {
  type: "BUTTON",
  markdownText: "How can I help?",
  buttonMessageType: "QUICK_REPLIES",
  buttons: [
    ["Track my order", "Where is my parcel?", "/track_order{\"channel\":\"dm\"}"],
    ["Return something", "It does not fit", "/return"],
    ["Talk to a person 👋", "I will wait", "/agent"],
  ].map(([title, description, payload]) => (
    { title, payload, type: "text", additionalButtonDetails: { description } })),
  additionalDetails: {},
};

export class Desk {
  constructor(root, here) {
    this.here = here;
    this.root = root;
    this.pane = new Pane(root, {
      build: {
        isMine: (entry) => entry.side === "agent",
        classes: (entry) => `message ${entry.side === "agent" ? "mine" : "theirs"} ${entry.state}`,
        contents: (entry) => contents(entry.body, here.wasGif(entry.header?.providerMessageId)),
        extras: (entry) => [...notes(entry), ...(isComment(entry) ? this.comments.actions(entry) : [])],
        at: (entry) => entry.at,
        foot: (entry) => foot(entry.at, STATES[entry.state], entry.reason, {
          open: () => this.open(entry),
          again: entry.state === "failed" ? () => this.again(entry) : null,
        }),
      },
      open: (entry) => this.open(entry),
      order: (a, b) => a.at - b.at || (a.key < b.key ? -1 : 1),
      empty: () => `Nothing yet. What ${here.customer.name} writes appears here.`,
    });
    // Direct messages and comments are two conversations; one of them is shown.
    this.kind = "dm";
    this.entries = new Map();
    this.answering = root.querySelector(".answering");
    this.kinds = root.querySelector(".kinds");
    for (const button of this.kinds.querySelectorAll("button")) {
      button.addEventListener("click", () => this.turnTo(button.dataset.kind));
    }
    root.querySelector(".stop").addEventListener("click", () => this.answer(null, false));
    this.composer = new Composer(root, {
      send: (said) => this.send(said),
      type: () => this.notify({ type: "NOTIFICATION", notificationType: "TYPING_STARTED", notificationData: {} }),
    });
    this.comments = new Comments(here, {
      attempt: (deed) => this.composer.attempt(deed),
      answer: (entry, isPrivate) => this.answer(entry, isPrivate),
    });
    root.querySelector("#ask").addEventListener("click", () => (
      this.composer.attempt(() => api.agentSays(here.pair, SAMPLE))));
    root.addEventListener("focusin", () => this.read());
    window.addEventListener("focus", () => this.readIfLookedAt());
  }

  open(entry) {
    const eventId = entry.header?.providerMessageId;
    this.here.showDetails(entry.side === "customer" && eventId ? { event_id: eventId } : { message_id: entry.id });
  }

  again(entry) {
    const header = entry.header?.originalMessageId ? { originalMessageId: entry.header.originalMessageId } : {};
    return this.composer.attempt(() => api.agentSays(this.here.pair, entry.body, header));
  }

  show(entries) {
    this.reported = null;
    this.entries = new Map(entries.map((entry) => [entry.key, entry]));
    for (const badge of this.kinds.querySelectorAll(".badge")) badge.hidden = true;
    this.turnTo(this.kind === "sm" && this.hasComments() ? "sm" : "dm");
  }

  hasComments() {
    return [...this.entries.values()].some(isComment);
  }

  turnTo(kind) {
    this.kind = kind;
    this.kinds.hidden = !this.hasComments();
    for (const button of this.kinds.querySelectorAll("button")) {
      button.setAttribute("aria-pressed", String(button.dataset.kind === kind));
      if (button.dataset.kind === kind) count(button, 0);
    }
    this.root.querySelector("#ask").hidden = kind === "sm";
    this.pane.show([...this.entries.values()].filter((entry) => this.isShown(entry)));
    this.answer(null, false);
  }

  isShown(entry) {
    return isComment(entry) === (this.kind === "sm");
  }

  // Chooses the comment that the composer answers; null means the latest one.
  answer(entry, isPrivate) {
    this.target = entry ? { entry, isPrivate } : null;
    this.answering.hidden = !entry;
    if (!entry) return;
    const how = isPrivate ? "A private reply to" : "Replying to";
    this.answering.querySelector(".about").textContent = `${how} “${[...entry.body.markdownText].slice(0, 40).join("")}”`;
    this.composer.box.focus();
  }

  put(entry) {
    const known = this.entries.has(entry.key);
    this.entries.set(entry.key, entry);
    this.kinds.hidden = !this.hasComments();
    if (!this.isShown(entry)) {
      if (!known) count(this.kinds.querySelector(`[data-kind=${isComment(entry) ? "sm" : "dm"}]`), 1);
      return !known;
    }
    const isNew = this.pane.put(entry);
    if (isNew && entry.side === "customer") this.pane.stopTyping();
    this.readIfLookedAt();
    return isNew;
  }

  readIfLookedAt() {
    if (document.hasFocus() && this.root.contains(document.activeElement)) this.read();
  }

  // Reports to the connector that the agent has read, as the real desk does; the customer then sees it.
  read() {
    const newest = this.pane.sorted().filter((entry) => entry.side === "customer").at(-1);
    if (!newest || newest.id === this.reported) return;
    this.reported = newest.id;
    if (this.here.isRead(newest.header.providerMessageId)) return;
    this.notify({ type: "DELIVERYNOTIFICATION", messageId: newest.id, status: "READ", reasonCode: 200 });
  }

  // Sends a notification; a failure has no consequence.
  notify(body) {
    api.agentSays(this.here.pair, { markdownText: "", ...body }).catch(() => {});
  }

  async send({ text, file }) {
    if (this.kind === "sm") {
      await this.comment({ text, file });
      return;
    }
    // An agent cannot send text with a file: the text goes first, as its own message.
    if (text) await api.agentSays(this.here.pair, { type: "PLAIN", markdownText: text });
    if (!file) return;
    const stored = await store(file);
    const [family] = stored.type.split("/");
    const type = { image: "IMAGE", video: "VIDEO", audio: "AUDIO" }[family] ?? "FILE";
    await api.agentSays(this.here.pair, {
      type,
      markdownText: "",
      caption: type === "FILE" ? "" : stored.name,
      additionalDetails: type === "FILE" ? { fileName: stored.name } : {},
      attachment: stored.attachment,
    });
  }

  // A comment has text and a file in one message.
  async comment({ text, file }) {
    const latest = this.pane.sorted().filter((entry) => entry.side === "customer").at(-1);
    const { entry, isPrivate } = this.target ?? { entry: latest, isPrivate: false };
    if (!entry) throw new Error("There is no comment to answer.");
    this.answer(null, false);
    await this.comments.reply(entry, text, file ? (await store(file)).attachment : null, isPrivate);
  }
}

// Stores a file in the file engine. Returns its name and type, and the attachment of a CIM message.
async function store(file) {
  const { name, type, size } = await api.storeFile(file);
  const mediaUrl = `${location.origin}/file-engine/api/downloadFileStream?filename=${encodeURIComponent(name)}`;
  return { name, type, attachment: { mediaUrl, mimeType: type, size, thumbnail: "" } };
}

// Adds to the number on a button; 0 takes the number away.
function count(button, more) {
  const badge = button.querySelector(".badge");
  badge.textContent = more ? String(Number(badge.textContent) + more) : "";
  badge.hidden = !more;
}

// Facts for a tester that an agent does not see.
function notes(entry) {
  const words = [entry.header?.intent ? `intent: ${entry.header.intent}` : "", entry.repeat ? "received before" : ""];
  return words.filter(Boolean).map((word) => element("p", { className: "remark", textContent: word }));
}

// Shows a body as the real desk does: media come from the desk's own file engine, whatever host the URL has.
// CIM cannot say that a video was a GIF, and the real desk does not know it.
function contents(body, wasGif) {
  const parts = [];
  const attachment = body.attachment ?? {};
  const url = own(attachment.mediaUrl ?? body.mediaUrl);
  if (body.type === "COMMENT") return comment(body);
  if (body.type === "IMAGE" || body.type === "STICKER") parts.push(picture(url, body.caption || "Picture"));
  else if (body.type === "VIDEO") parts.push(film(url, body.caption || "Video", wasGif));
  else if (body.type === "AUDIO") parts.push(element("audio", { src: url, controls: true }));
  else if (body.type === "FILE") parts.push(outward(url, body.additionalDetails?.fileName || "File"));
  else if (body.type === "LOCATION") {
    const { latitude, longitude } = body.location;
    const name = body.additionalDetails?.name;
    parts.push(element("p", { className: "text", textContent: `📍 ${name ? `${name}: ` : ""}${latitude}, ${longitude}` }));
  } else if (body.type !== "PLAIN" && body.type !== "BUTTON" && body.type !== "URL") {
    parts.push(element("p", { className: "kind", textContent: body.type }));
  }
  if (body.markdownText) parts.push(prose(body.markdownText));
  if (body.buttons) {
    parts.push(element("ul", { className: "buttons" }, ...body.buttons.map((button) => (
      element("li", { textContent: button.title })))));
  }
  return parts;
}

// What an agent sees of a comment. A deed such as a like has no text.
function comment(body) {
  const parts = [];
  const url = own(body.attachment?.mediaUrl);
  if (body.attachment) {
    const isFilm = body.attachment.mimeType?.startsWith("video/");
    parts.push(isFilm ? film(url, "Video", false) : picture(url, "Picture"));
  }
  const isDeed = !["TEXT", "IMAGE", "VIDEO"].includes(body.itemType);
  if (isDeed) parts.push(element("p", { className: "kind", textContent: DEEDS[body.itemType] ?? body.itemType }));
  if (body.markdownText) parts.push(prose(body.markdownText));
  return parts;
}

function own(url) {
  let name = null;
  try {
    name = new URL(url, location.href).searchParams.get("filename");
  } catch { /* not an address */ }
  return name ? `/file-engine/api/downloadFileStream?filename=${encodeURIComponent(name)}` : "about:blank";
}
