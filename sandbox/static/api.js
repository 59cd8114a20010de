// Asks the sandbox. Every failure becomes an Error whose message can be shown.

async function ask(method, path, body) {
  const options = { method, headers: {} };
  if (body instanceof FormData) options.body = body;
  else if (body !== undefined) {
    options.body = JSON.stringify(body);
    options.headers["Content-Type"] = "application/json";
  }
  let answer;
  try {
    answer = await fetch(path, options);
  } catch {
    throw new Error("The sandbox does not answer.");
  }
  const text = await answer.text();
  let told = null;
  try {
    told = text ? JSON.parse(text) : null;
  } catch { /* an answer in plain words */ }
  if (!answer.ok) throw new Error(told?.error ?? told?.message ?? `The sandbox answered ${answer.status}.`);
  return told;
}

export const people = () => ask("GET", "/_sandbox/people?limit=200");
export const connector = () => ask("GET", "/_sandbox/connector");
export const conversation = (pair) => ask("GET", `/_sandbox/conversation?${new URLSearchParams(pair)}`);
export const register = (accountId) => ask("POST", "/_sandbox/register", { account_id: accountId });
export const agentSays = (pair, body) => ask("POST", "/_sandbox/agent/messages", { ...pair, body });
export const customerTypes = (pair) => ask("POST", "/_sandbox/customer/typing", pair);
export const customerReads = (pair) => ask("POST", "/_sandbox/customer/read", pair);

export function customerSays(pair, { text = "", file = null, metadata = null }) {
  const form = new FormData();
  for (const [name, value] of Object.entries(pair)) form.append(name, value);
  form.append("text", text);
  if (file) form.append("media_file", file);
  if (metadata !== null) form.append("quick_reply_metadata", metadata);
  return ask("POST", "/_sandbox/customer/messages", form);
}

// The file engine takes plain names only; five digits before the name keep equal names apart.
export function storeFile(file) {
  const form = new FormData();
  const [, stem, ending] = /^(.*?)(\.[A-Za-z0-9]+)?$/.exec(file.name);
  form.append("conversationId", String(10000 + Math.floor(Math.random() * 90000)));
  form.append("file", file, `${stem.replace(/[^A-Za-z0-9_-]+/g, "_") || "file"}${ending ?? ""}`);
  return ask("POST", "/file-engine/api/uploadFileStream", form);
}
