// The stream of headlines: rows and filters.

const MAX_HEADLINES = 500;
const MAX_ROWS = 200;

const headlines = new Map(); // id → headline, oldest first
const rows = new Map(); // id → element
const changed = new Map(); // ids to draw → whether they are new
let filterEntity = "";

function takeHeadline(headline) {
  const isNew = !headlines.has(headline.id) || changed.get(headline.id) === true;
  headlines.set(headline.id, headline);
  changed.set(headline.id, isNew);
  if (headlines.size > MAX_HEADLINES) {
    const oldest = headlines.keys().next().value;
    headlines.delete(oldest);
    changed.set(oldest, false);
  }
}

function labelBadge(found) {
  if (found === null) return make("span", { class: "label" }, "not classified");
  const share = Math.max(...found.probabilities);
  const sign = make("span", { "aria-hidden": "true", class: "sign" }, SIGNS[found.label]);
  const badge = make("span", { class: "label" }, sign, ` ${found.label} `);
  badge.append(make("span", { class: "share" }, `${Math.round(100 * share)} %`), shares(found));
  return badge;
}

/** The three probabilities as a bar. */
function shares(found) {
  const [negative, neutral, positive] = found.probabilities;
  const percent = (share) => `${Math.round(100 * share)} %`;
  const text = `negative ${percent(negative)}, neutral ${percent(neutral)}, positive ${percent(positive)}`;
  const bar = make("span", { class: "shares", role: "img", "aria-label": text, title: text });
  for (const [label, share] of [["negative", negative], ["neutral", neutral], ["positive", positive]]) {
    const part = make("span", { class: label });
    part.style.width = `${100 * share}%`;
    bar.append(part);
  }
  return bar;
}

function headlineContent(headline) {
  const found = headline.classification;
  const title = link("", headline.url);
  title.replaceChildren(markedText(headline.title, found ? found.words : []));
  return [make("div", { class: "verdict" }, labelBadge(found)), make("p", { class: "headline" }, title)];
}

function headlineRow(headline) {
  const found = headline.classification;
  const meta = make("p", { class: "meta" }, time(headline.first_seen), isolated(headline.source));
  for (const name of headline.entities) {
    const chip = make("button", { type: "button", class: "chip" }, isolated(name));
    chip.addEventListener("click", () => chooseEntity(name));
    meta.append(chip);
  }
  const notes = [
    [headline.retracted, "retracted: counts no more"],
    [headline.edited, "edited"],
    [headline.abstained, "about several, or in passing: counts for none"],
    [headline.reports_move, "reports a price move"],
    [headline.doubtful.length > 0, `in doubt: ${headline.doubtful.join(", ")}`],
  ];
  for (const [isTrue, text] of notes) {
    if (isTrue) meta.append(make("span", { class: "note" }, text));
  }
  const repeated = repeatsEvent(headline);
  if (repeated) meta.append(make("span", { class: "note" }, "told before: counts once"));
  const css = `row ${found ? found.label : "unknown"}${headline.retracted ? " retracted" : ""}`;
  return make("li", { class: css, tabindex: "-1" }, ...headlineContent(headline), meta);
}

/** Whether an earlier headline of the list tells of the same event. */
function repeatsEvent(headline) {
  if (headline.event === null) return false;
  return eventStarts.get(headline.event) !== headline.id;
}

const eventStarts = new Map(); // event → id of its first headline of the list

function findEventStarts() {
  eventStarts.clear();
  for (const headline of headlines.values()) {
    if (headline.event !== null && !eventStarts.has(headline.event)) {
      eventStarts.set(headline.event, headline.id);
    }
  }
}

function isShown(headline) {
  const labels = shownLabels();
  const found = headline.classification;
  if (found ? !labels.has(found.label) : labels.size < 3) return false;
  return filterEntity === "" || headline.entities.includes(filterEntity);
}

function shownLabels() {
  const boxes = byId("filters").querySelectorAll("input[name=label]:checked");
  return new Set(Array.from(boxes, (box) => box.value));
}

function chooseEntity(name) {
  filterEntity = name;
  showEntityOptions();
  drawAllHeadlines();
  markChosenEntity();
}

/** The choices of the filter: the watch list, and whatever is chosen. */
function showEntityOptions() {
  const select = byId("entity-filter");
  const names = new Set([...entities.keys()].filter((name) => name !== null));
  if (filterEntity !== "") names.add(filterEntity);
  const sorted = [...names].sort((a, b) => a.localeCompare(b));
  const before = Array.from(select.options, (option) => option.value);
  if (["", ...sorted].join("\0") !== before.join("\0")) {
    const options = sorted.map((name) => make("option", { value: name }, name));
    select.replaceChildren(make("option", { value: "" }, "All"), ...options);
  }
  select.value = filterEntity;
}

function drawAllHeadlines() {
  changed.clear();
  rows.clear();
  findEventStarts();
  const shown = [...headlines.values()].reverse().filter(isShown).slice(0, MAX_ROWS);
  for (const headline of shown) rows.set(headline.id, headlineRow(headline));
  byId("stream").replaceChildren(...rows.values());
  showCount();
}

function drawChangedHeadlines() {
  if (changed.size === 0) return;
  findEventStarts();
  for (const [id, isNew] of changed) {
    if (!drawHeadline(id, isNew)) {
      drawAllHeadlines();
      return;
    }
  }
  changed.clear();
  trimRows();
  showCount();
}

/** Draw one headline; false if its place is not known: an old one that now passes the filter. */
function drawHeadline(id, isNew) {
  const headline = headlines.get(id);
  const before = rows.get(id);
  if (headline === undefined || !isShown(headline)) {
    before?.remove();
    rows.delete(id);
    return true;
  }
  if (before === undefined && !isNew) return false;
  const row = headlineRow(headline);
  rows.set(id, row);
  if (before === undefined) byId("stream").prepend(row);
  else before.replaceWith(row);
  return true;
}

function trimRows() {
  const stream = byId("stream");
  for (const last of Array.from(stream.children).slice(MAX_ROWS)) {
    for (const [id, row] of rows) if (row === last) rows.delete(id);
    last.remove();
  }
}

function showCount() {
  const all = headlines.size;
  const shown = byId("stream").children.length;
  byId("count").textContent = all === 0 ? "" : `${shown} of the last ${counted(all, "headline")}`;
  const empty = byId("no-headlines");
  empty.hidden = shown > 0;
  empty.textContent = all === 0 ? "No headlines yet." : "No headline passes the filter.";
}

/** Show a headline and move the focus to it; false if it has left the list. */
function jumpTo(id) {
  const headline = headlines.get(id);
  if (headline === undefined) return false;
  if (!isShown(headline)) {
    for (const box of byId("filters").querySelectorAll("input[name=label]")) box.checked = true;
    chooseEntity("");
  }
  const row = rows.get(id);
  if (row === undefined) return false;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  row.scrollIntoView({ block: "center", behavior: still ? "auto" : "smooth" });
  row.focus({ preventScroll: true });
  return true;
}
