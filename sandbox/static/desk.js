// The agent's side: the messages CCM received, and the agent's replies with their state.

import * as api from "./api.js";
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
        extras: (entry) => notes(entry),
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
    this.composer = new Composer(root, {
      send: (said) => this.send(said),
      type: () => this.notify({ type: "NOTIFICATION", notificationType: "TYPING_STARTED", notificationData: {} }),
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
    return this.composer.attempt(() => api.agentSays(this.here.pair, entry.body));
  }

  show(entries) {
    this.reported = null;
    this.pane.show(entries);
  }

  put(entry) {
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
    // An agent cannot send text with a file: the text goes first, as its own message.
    if (text) await api.agentSays(this.here.pair, { type: "PLAIN", markdownText: text });
    if (!file) return;
    const stored = await api.storeFile(file);
    const mediaUrl = `${location.origin}/file-engine/api/downloadFileStream?filename=${encodeURIComponent(stored.name)}`;
    const [family] = stored.type.split("/");
    const type = { image: "IMAGE", video: "VIDEO", audio: "AUDIO" }[family] ?? "FILE";
    await api.agentSays(this.here.pair, {
      type,
      markdownText: "",
      caption: type === "FILE" ? "" : stored.name,
      additionalDetails: type === "FILE" ? { fileName: stored.name } : {},
      attachment: { mediaUrl, mimeType: stored.type, size: stored.size, thumbnail: "" },
    });
  }
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

function own(url) {
  let name = null;
  try {
    name = new URL(url, location.href).searchParams.get("filename");
  } catch { /* not an address */ }
  return name ? `/file-engine/api/downloadFileStream?filename=${encodeURIComponent(name)}` : "about:blank";
}
