// Signals: for each entity a gauge and a time line with its headlines.

const MAX_POINTS = 480;
const MAX_MARKERS = 120;
const WIDE = 320;
const HIGH = 72;
const EDGE = 6;

const entities = new Map(); // name, or null for all headlines → { current, points, markers }
const changedEntities = new Set();
const cards = new Map(); // name → parts of its card

function entityOf(name) {
  if (!entities.has(name)) entities.set(name, { current: null, points: [], markers: new Map() });
  changedEntities.add(name);
  return entities.get(name);
}

function takeEntity(state) {
  const entity = entityOf(state.current.entity);
  entity.current = state.current;
  entity.points = [...state.points];
  entity.markers = new Map(state.markers.map((marker) => [marker.headline, marker]));
}

function takeSignal(signal) {
  const entity = entityOf(signal.entity);
  entity.current = signal;
  entity.points.push([signal.at, signal.signal, signal.low, signal.high]); // as in the state
  if (entity.points.length > MAX_POINTS) entity.points.shift();
}

/** Put a headline on the time lines of its entities; a retracted one leaves them. */
function takeMarkers(headline) {
  for (const [name, entity] of entities) {
    if (entity.markers.delete(headline.id)) changedEntities.add(name);
  }
  const found = headline.classification;
  if (found === null || headline.retracted || headline.abstained) return;
  const [negative, , positive] = found.probabilities;
  for (const name of headline.entities) {
    const { markers } = entityOf(name);
    markers.set(headline.id, {
      at: headline.first_seen,
      headline: headline.id,
      title: headline.title,
      label: found.label,
      score: positive - negative,
    });
    if (markers.size > MAX_MARKERS) markers.delete(markers.keys().next().value);
  }
}

function drawSignals() {
  for (const [name, card] of cards) {
    if (entities.has(name)) continue;
    card.item.remove();
    cards.delete(name);
  }
  for (const name of changedEntities) {
    const entity = entities.get(name);
    if (entity === undefined || entity.current === null) continue;
    if (!cards.has(name)) addCard(name);
    updateCard(cards.get(name), name, entity);
  }
  changedEntities.clear();
  byId("no-signals").hidden = cards.size > 0;
}

/** Forget all signals; their cards stay until the next drawing. */
function clearSignals() {
  entities.clear();
  changedEntities.clear();
}

function addCard(name) {
  const value = make("b");
  const word = make("span", { class: "word" });
  const fill = make("span", { class: "fill" });
  const gauge = make("div", { class: "gauge", role: "meter", "aria-valuemin": "-1", "aria-valuemax": "1" }, fill);
  gauge.setAttribute("aria-label", `Signal of ${entityName(name)}`);
  const basis = make("p", { class: "faint small basis" });
  const more = make("p", { class: "faint small more" });
  const line = make("div", { class: "line" });
  const choose = make("button", { type: "button", class: "plain", title: "Show its headlines" });
  choose.append(isolated(entityName(name)));
  choose.addEventListener("click", () => {
    chooseEntity(filterEntity === (name ?? "") ? "" : (name ?? ""));
  });
  const item = make(
    "li",
    { class: "entity" },
    make("h3", {}, choose),
    make("p", { class: "value" }, value, " ", word),
    gauge,
    line,
    basis,
    more,
  );
  cards.set(name, { item, value, word, fill, gauge, basis, more, line, choose });
  const list = byId("entities");
  if (name === null) list.prepend(item);
  else list.append(item);
  showEntityOptions();
  markChosenEntity();
}

function markChosenEntity() {
  for (const [name, card] of cards) {
    const isChosen = name !== null && name === filterEntity;
    card.item.classList.toggle("chosen", isChosen);
    if (name !== null) card.choose.setAttribute("aria-pressed", String(isChosen));
  }
}

function updateCard(card, name, entity) {
  const { signal, low, high, without_moves, moves, session, new_events, burst } = entity.current;
  const { events, items, sources, abstentions, incidental, doubtful } = entity.current;
  const word = wordFor(signal);
  card.item.dataset.sentiment = word;
  card.value.textContent = signal === null ? "–" : signed(signal);
  const sign = SIGNS[word] === undefined ? "" : `${SIGNS[word]} `;
  card.word.textContent = `${sign}${word}`;
  card.fill.hidden = signal === null;
  const size = 50 * Math.abs(signal ?? 0);
  card.fill.style.left = `${(signal ?? 0) < 0 ? 50 - size : 50}%`;
  card.fill.style.width = `${size}%`;
  card.gauge.setAttribute("aria-valuenow", String(signal ?? 0));
  card.gauge.setAttribute("aria-valuetext", signal === null ? "no news" : `${signed(signal)}, ${word}`);
  const more = [];
  if (moves > 0 && signal !== null) {
    const others = without_moves === null ? "no news" : signed(without_moves);
    more.push(`${others} without ${counted(moves, "report")} of price moves`);
  }
  if (burst !== null) more.push(`${counted(new_events, "event")} in an hour (z ${burst.toFixed(1)})`);
  if (session !== null) more.push(`counts for ${session}`);
  card.more.textContent = more.map((part) => part.replaceAll(" ", "\u00a0")).join(" · ");
  card.more.hidden = more.length === 0;
  const basis = [counted(events, "event"), counted(items, "headline"), counted(sources, "source")];
  if (low !== null) basis.unshift(`95 %: ${signed(low)} to ${signed(high)}`);
  const leftOut = abstentions + incidental + doubtful;
  if (leftOut > 0) basis.push(`${leftOut} left out`);
  card.basis.textContent = basis.map((part) => part.replaceAll(" ", "\u00a0")).join(" · ");
  card.basis.title =
    leftOut > 0
      ? `Left out: ${abstentions} about several companies, ${incidental} hardly about it, ` +
        `${doubtful} with a word that may be its name`
      : "";
  card.line.replaceChildren(...timeLine(name, entity));
}

/** The time line as a drawing, with its first and last time under it. */
function timeLine(name, entity) {
  const times = entity.points.map(([at]) => Date.parse(at));
  const end = times[times.length - 1];
  const start = Math.min(times[0], end - 60_000);
  const x = (at) => EDGE + ((WIDE - 2 * EDGE) * (at - start)) / (end - start);
  const y = (value) => HIGH / 2 - (HIGH / 2 - EDGE) * value;
  const label = `Time line of ${entityName(name)}: ${counted(times.length, "point")}, ${counted(entity.markers.size, "headline")}`;
  const drawing = makeSvg("svg", { viewBox: `0 0 ${WIDE} ${HIGH}`, role: "img", "aria-label": label });
  drawing.append(
    makeSvg("path", { class: "zero", d: `M0 ${HIGH / 2}H${WIDE}` }),
    makeSvg("path", { class: "ends", d: `M0 ${EDGE}H${WIDE}M0 ${HIGH - EDGE}H${WIDE}` }),
    ...bandsBetween(entity.points.map(([, , low, high], i) => (low === null ? null : [x(times[i]), y(low), y(high)]))),
    ...linesThrough(entity.points.map(([, signal], i) => [x(times[i]), signal === null ? null : y(signal)])),
  );
  for (const marker of entity.markers.values()) {
    const at = Date.parse(marker.at);
    if (at >= start) drawing.append(markerShape(marker, x(Math.min(at, end)), y(marker.score)));
  }
  const ends = make("p", { class: "times" }, time(new Date(start).toISOString(), SHORT_CLOCK), time(entity.current.at, SHORT_CLOCK));
  return [drawing, ends];
}

/** The areas of intervals; where there is none, they stop. */
function bandsBetween(points) {
  const drawn = [];
  let run = [];
  for (const point of [...points, null]) {
    if (point !== null) {
      run.push(point);
    } else if (run.length > 0) {
      if (run.length === 1) run.push([run[0][0] + 0.5, ...run[0].slice(1)]);
      const lows = run.map(([x, low]) => `${x.toFixed(1)} ${low.toFixed(1)}`);
      const highs = run.map(([x, , high]) => `${x.toFixed(1)} ${high.toFixed(1)}`).reverse();
      drawn.push(makeSvg("path", { class: "interval", d: `M${[...lows, ...highs].join("L")}Z` }));
      run = [];
    }
  }
  return drawn;
}

/** Lines and areas through points; where there was no news, they stop. */
function linesThrough(points) {
  const drawn = [];
  let run = [];
  for (const [x, y] of [...points, [0, null]]) {
    if (y !== null) {
      run.push(`${x.toFixed(1)} ${y.toFixed(1)}`);
    } else if (run.length > 0) {
      if (run.length === 1) run.push("h0.1");
      const first = run[0].split(" ")[0];
      const last = run[1] === "h0.1" ? first : run[run.length - 1].split(" ")[0];
      const path = `M${run[0]}${run[1] === "h0.1" ? run[1] : run.slice(1).map((p) => `L${p}`).join("")}`;
      drawn.push(makeSvg("path", { class: "area", d: `${path}L${last} ${HIGH / 2}L${first} ${HIGH / 2}Z` }));
      drawn.push(makeSvg("path", { class: run[1] === "h0.1" ? "signal single" : "signal", d: path }));
      run = [];
    }
  }
  return drawn;
}

function markerShape(marker, x, y) {
  const paths = { positive: "M0 -4.5L4 3H-4Z", negative: "M0 4.5L4 -3H-4Z", neutral: "M-3.2 0a3.2 3.2 0 1 0 6.4 0a3.2 3.2 0 1 0 -6.4 0" };
  const at = `translate(${x.toFixed(1)} ${y.toFixed(1)})`;
  const shape = makeSvg("path", { class: `marker ${marker.label}`, d: paths[marker.label], transform: at });
  shape.append(makeSvg("title", {}, `${clock(new Date(marker.at))} ${signed(marker.score)} ${marker.title}`));
  shape.addEventListener("click", () => jumpTo(marker.headline));
  return shape;
}
