// Functions that build elements. Text is added as text, never as markup.

const LINK = /https?:\/\/[^\s<>"]+/gi;
const ONLY_EMOJI = /^(?:\p{Extended_Pictographic}|\p{Emoji_Component}|\s){1,16}$/u;
const HAS_PICTOGRAPH = /\p{Extended_Pictographic}|\p{Regional_Indicator}/u;

export function element(tag, properties = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (name.startsWith("aria-") || name.startsWith("data-") || name === "role") made.setAttribute(name, value);
    else made[name] = value;
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// Returns a paragraph with links; a text of emoji alone is large.
export function prose(text) {
  const shown = element("p", { className: "text", dir: "auto" });
  if (ONLY_EMOJI.test(text) && HAS_PICTOGRAPH.test(text)) shown.classList.add("large");
  let end = 0;
  for (const match of text.matchAll(LINK)) {
    const url = match[0].replace(/[.,;:!?)\]}'’]+$/, "");
    shown.append(text.slice(end, match.index), outward(url, url));
    end = match.index + url.length;
  }
  shown.append(text.slice(end));
  return shown;
}

export function outward(url, label) {
  return element("a", { href: url, target: "_blank", rel: "noopener noreferrer", textContent: label });
}

// Returns a picture; one that cannot be shown becomes a link.
export function picture(url, label) {
  return orLink(element("img", { src: url, alt: label, className: "medium" }), url, label);
}

// Returns a video; one that cannot be shown becomes a link. One that was a GIF plays at once, in a loop, without sound.
export function film(url, label, wasGif) {
  const playing = wasGif ? { muted: true, loop: true, autoplay: true, preload: "auto" } : { preload: "metadata" };
  const shown = element("video", { ...playing, src: url, controls: true, className: "medium" });
  shown.setAttribute("aria-label", label);
  return orLink(shown, url, label);
}

function orLink(shown, url, label) {
  shown.addEventListener("error", () => shown.replaceWith(outward(url, label)), { once: true });
  return shown;
}

export function clock(seconds) {
  const date = new Date(seconds * 1000);
  return element("time", {
    dateTime: date.toISOString(),
    textContent: date.toLocaleTimeString([], { hour: "2-digit", minute: "2-digit" }),
  });
}

// Returns the day of a moment in words: Today, Yesterday, or the date.
export function dayOf(seconds) {
  const date = new Date(seconds * 1000);
  const midnight = new Date();
  midnight.setHours(0, 0, 0, 0);
  const days = Math.ceil((midnight - date) / 86_400_000);
  if (days <= 0) return "Today";
  if (days === 1) return "Yesterday";
  return date.toLocaleDateString([], { weekday: "long", day: "numeric", month: "long", year: "numeric" });
}

export function initials(name) {
  const words = name.split(/\s+/).filter((word) => /\p{L}/u.test(word));
  const letters = words.length > 1 ? [words[0], words.at(-1)] : words;
  return letters.map((word) => [...word][0]).join("").toUpperCase();
}
