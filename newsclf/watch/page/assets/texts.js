// Links, times and numbers.

const ALL_HEADLINES = "All headlines";

function makeSvg(tag, properties = {}, ...children) {
  const element = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(properties)) element.setAttribute(name, value);
  element.append(...children);
  return element;
}

/** A link to an article; plain text unless the address is http or https. */
function link(text, address) {
  let url = null;
  try {
    url = new URL(address);
  } catch {
    return isolated(text);
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") return isolated(text);
  return make("a", { href: url.href, target: "_blank", rel: "noopener noreferrer" }, isolated(text));
}

const CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const SHORT_CLOCK = new Intl.DateTimeFormat("en-GB", { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat("en-GB", { day: "numeric", month: "short" });

function isToday(date) {
  return date.toDateString() === new Date().toDateString();
}

/** A time of day on this machine's clock, with the day where it is not today. */
function clock(date, format = CLOCK) {
  return isToday(date) ? format.format(date) : `${DAY.format(date)} ${format.format(date)}`;
}

function time(iso, format = CLOCK) {
  const date = new Date(iso);
  return make("time", { datetime: iso, title: date.toString() }, clock(date, format));
}

function duration(seconds) {
  const sign = seconds < 0 ? "−" : "";
  const size = Math.abs(seconds);
  if (size < 1) return `${sign}${size.toFixed(1)} s`;
  if (size < 90) return `${sign}${Math.round(size)} s`;
  if (size < 90 * 60 && size % 3600 !== 0) return `${sign}${Math.round(size / 60)} min`;
  if (size < 36 * 3600) return `${sign}${Math.round(size / 3600)} h`;
  return `${sign}${Math.round(size / 86400)} days`;
}

function counted(count, one, many = `${one}s`) {
  return `${count} ${count === 1 ? one : many}`;
}

/** The word for a signal; within a tenth of zero it is called neutral. */
function wordFor(value) {
  if (value === null) return "no news";
  if (value >= 0.1) return "positive";
  return value <= -0.1 ? "negative" : "neutral";
}

function entityName(entity) {
  return entity === null ? ALL_HEADLINES : entity;
}
