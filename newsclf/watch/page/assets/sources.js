// Health of the sources.

const sources = new Map(); // name → health
let sourcesChanged = false;

function takeSource(source) {
  sources.set(source.name, source);
  sourcesChanged = true;
}

/** Draw the table; also each heartbeat, since its times are relative. */
function drawSources(now, isForced = false) {
  if (!sourcesChanged && !isForced) return;
  sourcesChanged = false;
  const all = [...sources.values()].sort((a, b) => a.delivers - b.delivers || a.name.localeCompare(b.name));
  byId("sources").replaceChildren(...all.map((source) => sourceRow(source, now)));
  const live = all.filter((source) => source.delivers).length;
  byId("sources-live").textContent = all.length === 0 ? "" : `${live} of ${all.length} live`;
}

function sourceRow(source, now) {
  const name = make("th", { scope: "row" }, isolated(source.name));
  if (source.words !== "") name.append(make("span", { class: "words" }, isolated(source.words)));
  const sign = make("span", { "aria-hidden": "true" }, source.delivers ? "✓ " : "✕ ");
  const badge = make("span", { class: source.delivers ? "badge good" : "badge" }, sign, source.verdict.replaceAll("_", " "));
  return make(
    "tr",
    {},
    name,
    make("td", {}, badge),
    make("td", {}, ago(source.last_new_item, now)),
    make("td", {}, String(source.items)),
    make("td", {}, source.lag_s === null ? "–" : duration(source.lag_s)),
  );
}

function ago(iso, now) {
  if (iso === null) return "–";
  const text = `${duration(Math.max(0, (now - Date.parse(iso)) / 1000))} ago`;
  return make("time", { datetime: iso, title: new Date(iso).toString() }, text);
}
