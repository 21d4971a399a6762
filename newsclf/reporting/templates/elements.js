// Elements of a page. Data reaches it as text only, never as markup.

const SIGNS = { positive: "▲", neutral: "●", negative: "▼" };
const MARKED_FROM = 0.05;
const MOST_MARKED = 6;

function byId(id) {
  return document.getElementById(id);
}

/** Make an element; children are elements or texts, and properties without a value are left out. */
function make(tag, properties = {}, ...children) {
  const element = document.createElement(tag);
  for (const [name, value] of Object.entries(properties)) {
    if (value !== undefined && value !== null) element.setAttribute(name, value);
  }
  element.append(...children.filter((child) => child !== null && child !== undefined));
  return element;
}

/** Text from outside: its direction must not reorder what stands around it. */
function isolated(text) {
  return make("bdi", {}, text);
}

function signed(value) {
  const text = Math.abs(value).toFixed(2);
  if (Number(text) === 0) return "0.00";
  return value < 0 ? `−${text}` : `+${text}`;
}

/** A headline, with the words that weigh most marked: for the label or against it. */
function markedText(text, words) {
  const letters = Array.from(text); // words are counted in code points
  const strong = words
    .filter((word) => Math.abs(word.weight) >= MARKED_FROM && word.end <= letters.length)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight))
    .slice(0, MOST_MARKED)
    .sort((a, b) => a.start - b.start);
  const top = Math.max(...strong.map((word) => Math.abs(word.weight)), 0.1);
  const parts = [];
  let at = 0;
  for (const word of strong) {
    if (word.start < at) continue;
    parts.push(letters.slice(at, word.start).join(""));
    const strength = Math.min(3, Math.ceil((3 * Math.abs(word.weight)) / top)); // 3 x / x may exceed 3
    const side = word.weight < 0 ? " against" : "";
    const hint = `${signed(word.weight)} ${word.weight < 0 ? "against" : "for"} the label`;
    const marked = letters.slice(word.start, word.end).join("");
    parts.push(make("mark", { class: `w${strength}${side}`, title: hint }, marked));
    at = word.end;
  }
  parts.push(letters.slice(at).join(""));
  return make("bdi", {}, ...parts);
}
