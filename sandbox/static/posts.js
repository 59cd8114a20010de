// The public side: posts in threads, as every reader sees them. The customer mentions, replies, edits and deletes here.

import * as api from "./api.js";
import { Composer } from "./composer.js";
import { clock, element, film, picture, prose } from "./dom.js";

const TAKEN = ["image/jpeg", "image/png", "image/webp", "image/gif", "video/mp4", "video/quicktime"];

export class Posts {
  // `here` has the account and the customer that are shown, and nameOf(id), which returns { name, screen_name }.
  constructor(root, here) {
    this.here = here;
    this.log = root.querySelector(".log");
    this.list = root.querySelector(".threads");
    this.note = root.querySelector(".answering");
    this.posts = new Map();
    // What the composer does with its text: { parent } replies to a post, { edited } replaces one, {} begins a thread.
    this.aim = {};
    this.composer = new Composer(root, {
      send: (said) => this.send(said),
      type: () => {},
      refuse: (file) => (TAKEN.includes(file.type) ? "" : "X takes pictures, GIFs and MP4 videos only."),
    });
    root.querySelector(".stop").addEventListener("click", () => this.take({}));
  }

  show(posts) {
    this.posts = new Map(posts.map((post) => [post.id, post]));
    this.take({}, { focus: false });
    this.draw();
    this.log.scrollTop = this.log.scrollHeight;
  }

  // Takes a new post or a change of one, if it is part of what is shown.
  put(post) {
    if (post.deleted || post.replaced) this.posts.delete(post.id);
    else if (this.concerns(post)) this.posts.set(post.id, post);
    else return;
    const stay = this.log.scrollHeight - this.log.scrollTop - this.log.clientHeight < 80;
    this.draw();
    if (stay) this.log.scrollTop = this.log.scrollHeight;
  }

  concerns(post) {
    const { account, customer } = this.here;
    return [account.id, customer.id].includes(post.author_id) || post.mentioned_ids.includes(account.id)
      || [...this.posts.values()].some((known) => known.conversation_id === post.conversation_id);
  }

  draw() {
    // A button that has the focus keeps it.
    const focused = document.activeElement?.dataset?.action;
    const roots = [...this.posts.values()].filter((post) => !this.posts.has(post.in_reply_to_id)).sort(byId);
    this.list.replaceChildren(...roots.map((post) => this.thread(post)));
    if (!roots.length) this.list.append(element("li", { className: "empty", textContent: this.empty() }));
    if (focused) this.list.querySelector(`[data-action="${focused}"]`)?.focus();
  }

  empty() {
    return `Nothing yet. Mention @${this.here.account.screen_name} as ${this.here.customer.name}.`;
  }

  thread(post) {
    const replies = [...this.posts.values()].filter((other) => other.in_reply_to_id === post.id).sort(byId);
    const parts = [this.article(post)];
    if (replies.length) {
      parts.push(element("ol", { className: "replies" }, ...replies.map((reply) => this.thread(reply))));
    }
    return element("li", {}, ...parts);
  }

  article(post) {
    const author = this.here.nameOf(post.author_id);
    const head = element("p", { className: "byline" },
      element("strong", { textContent: author.name }), ` @${author.screen_name} · `, clock(post.created));
    const remarks = [
      post.reposted_id ? "Reposted" : "",
      post.quoted_id ? `Quotes ${this.words(post.quoted_id)}` : "",
      post.history.length > 1 ? "Edited" : "",
      post.hidden ? `Hidden by ${this.here.account.name}` : "",
      post.liked_by.length ? `♥ ${post.liked_by.map((id) => this.here.nameOf(id).name).join(", ")}` : "",
      post.state === "failed" ? `The connector did not get it: ${post.reason}` : "",
    ].filter(Boolean).map((words) => element("p", { className: "remark", textContent: words }));
    const label = `Post of ${author.name}`;
    const shown = element("article", { className: post.hidden ? "post hidden-post" : "post", "aria-label": label },
      head, post.text ? prose(post.text) : null, ...this.media(post), ...remarks, this.actions(post));
    return shown;
  }

  media(post) {
    return post.media_ids.map((id, index) => {
      const url = `/_sandbox/media/${id}`;
      return post.media_mimes[index].startsWith("video/") ? film(url, "Video", false) : picture(url, "Picture");
    });
  }

  actions(post) {
    const made = [this.action("Reply", post, () => this.take({ parent: post }))];
    if (post.author_id === this.here.customer.id) {
      made.push(this.action("Edit", post, () => this.take({ edited: post })));
      made.push(this.action("Delete", post, () => this.composer.attempt(() => api.deletePost(post.id))));
    } else if (!post.reposted_id) {
      made.push(this.action("Repost", post, () => (
        this.composer.attempt(() => api.customerPosts(this.here.customer.id, { repost: post.id })))));
    }
    made.push(this.action("Details", post, () => this.here.showDetails({ event_id: post.id })));
    return element("p", { className: "foot" }, ...made);
  }

  action(label, post, act) {
    const button = element("button", { type: "button", className: "action", textContent: label });
    button.dataset.action = `${label} ${post.id}`;
    button.addEventListener("click", act);
    return button;
  }

  words(postId) {
    const post = this.posts.get(postId);
    return post ? `“${[...post.text].slice(0, 40).join("")}”` : "a post";
  }

  take(aim, { focus = true } = {}) {
    this.aim = aim;
    const post = aim.parent ?? aim.edited;
    this.note.hidden = !post;
    if (post) {
      const what = aim.edited ? "Editing" : `Replying to ${this.here.nameOf(post.author_id).name}:`;
      this.note.querySelector(".about").textContent = `${what} ${this.words(post.id)}`;
    }
    this.composer.box.value = aim.edited ? aim.edited.text : "";
    this.composer.box.placeholder = aim.parent ? "Write a reply" : `Mention @${this.here.account.screen_name}`;
    if (focus) this.composer.box.focus();
  }

  async send({ text, file }) {
    const { parent, edited } = this.aim;
    this.take({});
    if (edited) await api.editPost(edited.id, text);
    else await api.customerPosts(this.here.customer.id, { text, file, parent: parent?.id });
  }
}

function byId(a, b) {
  return a.id.length - b.id.length || (a.id < b.id ? -1 : Number(a.id > b.id));
}
