// What an agent does with comments: the CIM bodies of a public reply, a like, hiding, deleting, and a private reply.

import * as api from "./api.js";
import { element } from "./dom.js";

// Whether an entry of the desk belongs to the comments; all others are direct messages.
export function isComment(entry) {
  const attributes = entry.header?.channelData?.additionalAttributes ?? [];
  return entry.body.type === "COMMENT" || attributes.some(({ key, value }) => key === "MESSAGE_TYPE" && value === "SM");
}

export class Comments {
  // `attempt(deed)` runs a deed and shows its failure; `answer(entry, isPrivate)` chooses the comment to answer.
  constructor(here, { attempt, answer }) {
    this.here = here;
    this.attempt = attempt;
    this.answer = answer;
  }

  // Sends a public or private reply to a customer's comment, with a stored file if there is one.
  reply(comment, text, attachment, isPrivate) {
    const kind = attachment ? (attachment.mimeType.startsWith("video/") ? "VIDEO" : "IMAGE") : "TEXT";
    return this.send(isPrivate ? "PRIVATE_REPLY" : kind, comment.id, comment.body.postId, text, attachment);
  }

  send(itemType, originalMessageId, postId, text = "", attachment = null) {
    const body = { type: "COMMENT", markdownText: text, postId, itemType, attachment };
    return api.agentSays(this.here.pair, body, { originalMessageId });
  }

  // The buttons below an entry: what can be done with it.
  actions(entry) {
    const to = (itemType) => () => this.attempt(() => this.send(itemType, entry.id, entry.body.postId));
    const buttons = entry.side === "customer"
      ? [["Reply", () => this.answer(entry, false)], ["Like", to("LIKE")], ["Unlike", to("UNLIKE")], ["Hide", to("HIDE")],
        ["Private reply", () => this.answer(entry, true)]]
      : ["TEXT", "IMAGE", "VIDEO"].includes(entry.body.itemType) ? [["Delete", to("DELETE")]] : [];
    if (!buttons.length) return [];
    return [element("div", { className: "deeds", role: "group", "aria-label": "What to do with this comment" },
      ...buttons.map(([label, act]) => {
        const button = element("button", { type: "button", className: "action", textContent: label });
        button.addEventListener("click", act);
        return button;
      }))];
  }
}
