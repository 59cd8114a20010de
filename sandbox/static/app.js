// Chooses the conversation, updates both sides, and shows what is wrong with the connector.

import * as api from "./api.js";
import { Desk } from "./desk.js";
import { Details } from "./details.js";
import { element, initials } from "./dom.js";
import { Phone } from "./phone.js";
import { Posts } from "./posts.js";
import { Troubles } from "./troubles.js";

const PROBE_MS = 3000;
const TYPING_ON_PHONE_MS = 3000;
const TYPING_AT_DESK_MS = 5000;

const find = (selector) => document.querySelector(selector);
const accounts = find("#account");
const customers = find("#customer");
let everybody = { accounts: [], customers: [] };

const details = new Details(find("#details"));

// The conversation that is shown. Both sides read it; only this module changes it.
const here = {
  account: { id: "", name: "", screen_name: "" },
  customer: { id: "", name: "", screen_name: "" },
  get pair() {
    return { account_id: this.account.id, customer_id: this.customer.id };
  },
  wasGif: (dmId) => phone.pane.entries.get(dmId)?.media_kind === "animated_gif",
  nameOf: (id) => [...everybody.accounts, ...everybody.customers].find((user) => user.id === id)
    ?? { name: id, screen_name: id },
  showDetails: (query) => details.open(query),
  isRead: (dmId) => phone.pane.entries.get(dmId)?.state === "read",
};
const phone = new Phone(find("#phone"), here);
const desk = new Desk(find("#desk"), here);
const posts = new Posts(find("#posts"), here);
const troubles = new Troubles(find("#troubles"), () => here.pair);

async function loadPeople() {
  const before = Object.values(here.pair).join();
  everybody = await api.people();
  accountOptions();
  options(customers, everybody.customers, here.customer.id || everybody.demo.customer_id);
  choose();
  return before !== Object.values(here.pair).join();
}

// Groups the accounts by API. The demo account of API v2 is shown first once it is registered.
function accountOptions() {
  const groups = [["v2", "X API v2"], ["v1.1", "API v1.1"]].map(([api, label]) => {
    const users = everybody.accounts.filter((user) => user.api === api);
    return element("optgroup", { label }, ...users.map((user) => option(user)));
  });
  accounts.replaceChildren(...groups.filter((group) => group.children.length));
  const { v2_account_id: newer, account_id: older } = everybody.demo;
  const first = everybody.accounts.some((user) => user.id === newer && user.registered) ? newer : older;
  const known = everybody.accounts.some((user) => user.id === here.account.id);
  accounts.value = known ? here.account.id : first;
}

function option(user) {
  return element("option", { value: user.id, textContent: `${user.name} (@${user.screen_name})` });
}

function options(select, users, chosenId) {
  select.replaceChildren(...users.map(option));
  select.value = users.some((user) => user.id === chosenId) ? chosenId : users[0]?.id ?? "";
}

function choose() {
  const account = everybody.accounts.find((user) => user.id === accounts.value);
  const customer = everybody.customers.find((user) => user.id === customers.value);
  if (!account || !customer) return;
  here.account = account;
  here.customer = customer;
  find("#phone .who").textContent = customer.name;
  find("#phone .face").textContent = initials(customer.name);
  find("#desk .who").textContent = account.name;
  find("#desk .face").textContent = initials(account.name);
  find("#banner-register").hidden = account.registered;
  find("#api").textContent = account.api === "v2" ? "X API v2" : "API v1.1";
  find("#register-text").textContent = `@${account.screen_name} is not registered with the connector: `
    + "X has no valid webhook and subscription for it, so messages of customers go nowhere.";
}

// Changes that arrive while a conversation is loading; the loaded one may be older than they are.
let waiting = null;

async function loadConversation() {
  const mine = [];
  waiting = mine;
  phone.chat.load();
  const sides = await api.conversation(here.pair);
  if (waiting !== mine) return;
  phone.show(sides.phone);
  desk.show(sides.desk);
  posts.show(sides.posts);
  phone.pane.stopTyping();
  desk.pane.stopTyping();
  waiting = null;
  mine.forEach((change) => change());
}

function whenLoaded(change) {
  if (waiting) waiting.push(change);
  else change();
}

function follow() {
  const feed = new EventSource("/_sandbox/events");
  const on = (name, act) => feed.addEventListener(name, (event) => act(JSON.parse(event.data)));
  const isHere = (accountId, customerId) => accountId === here.account.id && customerId === here.customer.id;
  feed.addEventListener("open", async () => {
    find("#banner-feed").hidden = true;
    // Changes from before the connection are not sent again.
    await loadPeople();
    await loadConversation();
    await troubles.load();
  });
  feed.addEventListener("error", () => {
    find("#banner-feed").hidden = false;
  });
  on("phone", (dm) => {
    const [accountId, customerId] = dm.by_account ? [dm.sender_id, dm.recipient_id] : [dm.recipient_id, dm.sender_id];
    if (!isHere(accountId, customerId)) return;
    whenLoaded(() => { if (phone.put(dm) && dm.by_account) announce("phone"); });
  });
  on("desk", (entry) => {
    if (!isHere(entry.account_id, entry.customer_id)) return;
    whenLoaded(() => { if (desk.put(entry) && entry.side === "customer") announce("desk"); });
  });
  on("post", (post) => whenLoaded(() => posts.put(post)));
  on("typing", (typing) => {
    if (!isHere(typing.account_id, typing.customer_id)) return;
    if (typing.side === "phone") phone.pane.showTyping(`${here.account.name} is typing…`, TYPING_ON_PHONE_MS);
    else desk.pane.showTyping(`${here.customer.name} is typing…`, TYPING_AT_DESK_MS);
  });
  on("people", async () => { if (await loadPeople()) await loadConversation(); });
  on("x-chat", () => phone.chat.load());
  on("troubles", () => troubles.load());
  on("reset", async () => {
    await loadPeople();
    await loadConversation();
    await troubles.load();
  });
}

// On a narrow screen one side is hidden; its tab counts new messages.
function announce(side) {
  if (find(`#${side}`).offsetParent !== null) return;
  const badge = find(`[data-show=${side}] .badge`);
  badge.textContent = String(Number(badge.textContent) + 1);
  badge.hidden = false;
}

for (const tab of document.querySelectorAll("[data-show]")) {
  tab.addEventListener("click", () => {
    document.body.dataset.pane = tab.dataset.show;
    for (const other of document.querySelectorAll("[data-show]")) {
      other.setAttribute("aria-pressed", String(other === tab));
    }
    const badge = tab.querySelector(".badge");
    badge.textContent = "";
    badge.hidden = true;
    find(`#${tab.dataset.show} .log`).scrollTop = 1e9;
    find(`#${tab.dataset.show} textarea`).focus();
  });
}

for (const select of [accounts, customers]) {
  select.addEventListener("change", () => {
    for (const words of document.querySelectorAll(".banner .problem")) words.textContent = "";
    choose();
    loadConversation();
    look();
  });
}

for (const button of document.querySelectorAll("button.register")) {
  button.addEventListener("click", async () => {
    const words = button.closest(".banner").querySelector(".problem");
    button.disabled = true;
    words.textContent = "Registering…";
    try {
      const { status, body } = await api.register(here.account.id);
      if (status !== 200) throw new Error(`The connector answered ${status}: ${body?.detail ?? JSON.stringify(body)}`);
      words.textContent = "";
      await loadPeople();
      await look();
    } catch (problem) {
      words.textContent = problem.message;
    }
    button.disabled = false;
  });
}

async function look() {
  const asked = here.account.id;
  try {
    const { url, reachable, pause } = await api.connector(asked);
    if (asked !== here.account.id) return;
    find("#connector-url").textContent = url;
    find("#banner-connector").hidden = reachable;
    find("#banner-pause").hidden = !pause;
    if (find("#pause-reason").textContent !== pause) find("#pause-reason").textContent = pause;
    find("#health").textContent = reachable ? "Connector up" : "Connector down";
    find("#health").classList.toggle("down", !reachable);
  } catch { /* the feed shows that the sandbox has stopped */ }
}

async function probe() {
  await look();
  setTimeout(probe, PROBE_MS);
}

follow();
probe();
