// Elements of a page. Data reaches it as text only, never as markup.

const SIGNS = { positive: "▲", neutral: "●", negative: "▼" };

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
