// The customer's side: the messages X stores, as typed, with their state.

import * as api from "./api.js";
import { Chat, frame, lock, looksDifferent } from "./chat.js";
import { Composer } from "./composer.js";
import { element, film, outward, picture, prose } from "./dom.js";
import { foot, Pane } from "./pane.js";

const TAKEN = ["image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/quicktime"];
const STATES = {
  sent: ["✓", "Sent"],
  delivered: ["✓✓", "Delivered"],
  read: ["✓✓", "Seen"],
  failed: ["!", "Failed"],
};

export class Phone {
  constructor(root, here) {
    this.here = here;
    this.pane = new Pane(root, {
      build: {
        isMine: (dm) => !dm.by_account,
        classes: (dm) => `message ${dm.by_account ? "theirs" : "mine"} ${dm.state}`,
        contents,
        extras: (dm) => [...(dm.quick_reply ? [this.options(dm)] : []), ...this.chat.actions(dm)],
        looksDifferent,
        at: (dm) => Number(dm.created_timestamp) / 1000,
        foot: (dm) => foot(Number(dm.created_timestamp) / 1000, dm.by_account ? null : STATES[dm.state], dm.reason, {
          open: () => here.showDetails({ event_id: dm.id }),
          mark: lock(dm),
          again: dm.state === "failed" && !dm.by_account && !dm.encrypted ? () => this.again(dm) : null,
        }),
      },
      open: (dm) => here.showDetails({ event_id: dm.id }),
      order: (a, b) => a.id.length - b.id.length || (a.id < b.id ? -1 : Number(a.id > b.id)),
      empty: () => `Nothing yet. Write to ${here.account.name} as ${here.customer.name}.`,
    });
    this.composer = new Composer(root, {
      send: (said) => this.chat.send(said),
      type: () => api.customerTypes(here.pair).catch(() => {}),
      refuse: (file) => (TAKEN.includes(file.type) ? "" : "X takes pictures, GIFs and MP4 videos only."),
    });
    this.chat = new Chat(root, here, this.composer);
    this.root = root;
    this.seen = root.querySelector("#seen");
    this.seen.addEventListener("click", () => this.read());
    root.addEventListener("focusin", () => this.read());
    window.addEventListener("focus", () => this.readIfLookedAt());
  }

  again(dm) {
    return this.composer.attempt(() => api.customerRepeats(dm.id));
  }

  show(messages) {
    this.pane.show(messages.map((dm) => ({ ...dm, key: dm.id })));
    this.offer();
  }

  put(dm) {
    const isNew = this.pane.put({ ...dm, key: dm.id });
    if (isNew && dm.by_account) this.pane.stopTyping();
    this.offer();
    this.readIfLookedAt();
    return isNew;
  }

  unread() {
    return this.pane.sorted().filter((dm) => dm.by_account && dm.state !== "read");
  }

  readIfLookedAt() {
    if (document.hasFocus() && this.root.contains(document.activeElement)) this.read();
  }

  async read() {
    const newest = this.unread().at(-1);
    if (!newest || this.reading === newest.id) return;
    this.reading = newest.id;
    await this.composer.attempt(() => api.customerReads(this.here.pair));
  }

  // Shows quick replies under the latest message only, and "seen" only while a message is unread.
  offer() {
    const messages = this.pane.sorted();
    const unread = this.unread();
    this.seen.hidden = unread.length === 0;
    for (const options of this.pane.log.querySelectorAll(".options")) {
      options.hidden = options.dataset.of !== messages.at(-1)?.id;
    }
  }

  options(dm) {
    const choices = dm.quick_reply.options.map((option) => {
      const choice = element("button", { type: "button", className: "option" }, option.label);
      if (option.description) choice.append(element("small", { textContent: option.description }));
      choice.addEventListener("click", () => this.choose(option));
      return choice;
    });
    const group = element("div", { className: "options", role: "group", "aria-label": "Quick replies" }, ...choices);
    group.dataset.of = dm.id;
    return group;
  }

  async choose(option) {
    this.composer.box.focus();
    const said = { text: option.label, metadata: option.metadata ?? "" };
    await this.composer.attempt(() => api.customerSays(this.here.pair, said));
  }
}

function contents(dm) {
  const [before, after] = frame(dm);
  const parts = [...before];
  if (dm.media_id) {
    const url = dm.media_url ?? `/_sandbox/media/${dm.media_id}`;
    const wasGif = dm.media_kind === "animated_gif";
    const isFilm = dm.media_mime.startsWith("video/");
    parts.push(isFilm ? film(url, wasGif ? "GIF" : "Video", wasGif) : picture(url, "Picture"));
  }
  if (dm.text) parts.push(prose(dm.text));
  if (dm.location) parts.push(element("p", { className: "text", textContent: place(dm.location) }));
  for (const cta of dm.ctas ?? []) {
    const link = outward(cta.url, cta.label);
    link.className = "cta";
    parts.push(link);
  }
  return [...parts, ...after];
}

function place(location) {
  const point = location.shared_coordinate?.coordinates?.coordinates;
  return point ? `📍 ${point[1]}, ${point[0]}` : "📍 A place";
}
