// Calls the sandbox. A failure is thrown as an Error whose message can be shown.

async function ask(method, path, payload) {
  const options = { method, headers: {} };
  if (payload instanceof FormData) options.body = payload;
  else if (payload !== undefined) {
    options.body = JSON.stringify(payload);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The sandbox does not answer.");
  }
  const text = await answer.text();
  let body = null;
  try {
    body = text ? JSON.parse(text) : null;
  } catch { /* an answer in plain words */ }
  if (!answer.ok) throw new Error(body?.error ?? body?.message ?? `The sandbox answered ${answer.status}.`);
  return body;
}

export const people = () => ask("GET", "/_sandbox/people?limit=200");
export const connector = (accountId) => ask("GET", `/_sandbox/connector?${new URLSearchParams({ account_id: accountId })}`);
export const conversation = (pair) => ask("GET", `/_sandbox/conversation?${new URLSearchParams(pair)}`);
export const register = (accountId) => ask("POST", "/_sandbox/register", { account_id: accountId });
export const agentSays = (pair, body, header = {}) => ask("POST", "/_sandbox/agent/messages", { ...pair, body, header });
export const editPost = (postId, text) => ask("POST", "/_sandbox/posts/edit", { post_id: postId, text });
export const deletePost = (postId) => ask("POST", "/_sandbox/posts/delete", { post_id: postId });
export const message = (query) => ask("GET", `/_sandbox/message?${new URLSearchParams(query)}`);
export const troubles = () => ask("GET", "/_sandbox/troubles");
export const switchTrouble = (name, on) => ask("POST", "/_sandbox/troubles", { name, on });
export const restore = () => ask("DELETE", "/_sandbox/troubles");
export const customerRepeats = (eventId) => ask("POST", "/_sandbox/customer/messages/again", { event_id: eventId });
export const customerTypes = (pair) => ask("POST", "/_sandbox/customer/typing", pair);
export const customerReads = (pair) => ask("POST", "/_sandbox/customer/read", pair);

export const xChat = (pair) => ask("GET", `/_sandbox/x-chat?${new URLSearchParams(pair)}`);
export const switchXChat = (pair, on) => ask("POST", "/_sandbox/x-chat", { ...pair, on });
export const chatAct = (deed, body) => ask("POST", `/_sandbox/x-chat/${deed}`, body);

export function customerSays(pair, { text = "", file = null, metadata = null, replyTo = null }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(pair)) form.append(name, value);
  form.append("text", text);
  if (file) form.append("media_file", file);
  if (metadata !== null) form.append("quick_reply_metadata", metadata);
  if (replyTo !== null) form.append("reply_to", replyTo);
  return ask("POST", "/_sandbox/customer/messages", form);
}

export function customerPosts(customerId, { text = "", file = null, parent = null, repost = null }) {
  const form = new FormData();
  form.append("customer_id", customerId);
  form.append("text", text);
  if (file) form.append("media_file", file);
  if (parent) form.append("in_reply_to", parent);
  if (repost) form.append("repost", repost);
  return ask("POST", "/_sandbox/customer/posts", form);
}

// The file engine accepts plain names only. Five digits before the name keep equal names apart.
export function storeFile(file) {
  const form = new FormData();
  const [, stem, ending] = /^(.*?)(\.[A-Za-z0-9]+)?$/.exec(file.name);
  form.append("conversationId", String(10000 + Math.floor(Math.random() * 90000)));
  form.append("file", file, `${stem.replace(/[^A-Za-z0-9_-]+/g, "_") || "file"}${ending ?? ""}`);
  return ask("POST", "/file-engine/api/uploadFileStream", form);
}
