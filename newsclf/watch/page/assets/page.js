// The connection to newsclf watch, and drawing what it sends.

const DRAW_EVERY_MS = 150;
const SILENT_AFTER_MS = 30_000; // three heartbeats
const RETRY_MS = 5_000;

const drifts = new Map(); // measure → what was said of it last
let source = null;
let isPaused = false;
let isDrawing = false;
let waiting = 0; // headlines that came while paused
let lastHeard = Date.now();
let clockSkew_ms = 0; // of the server's clock against this one

function serverNow() {
  return Date.now() + clockSkew_ms;
}

function takeState(state) {
  clockSkew_ms = Date.parse(state.now) - Date.now();
  headlines.clear();
  clearSignals();
  sources.clear();
  alerts.clear();
  drifts.clear();
  for (const entity of state.entities) takeEntity(entity);
  for (const headline of state.headlines) headlines.set(headline.id, headline);
  for (const health of state.sources) takeSource(health);
  for (const alert of state.alerts) takeAlert(alert);
  for (const drift of state.drifts) takeDrift(drift);
  showDrift();
  sourcesChanged = true;
  alertsChanged = true;
  showAbout(state.watched);
  waiting = 0;
  if (isPaused) draw();
  else drawAll();
}

function takeDrift(drift) {
  drifts.set(drift.measure, drift);
}

/** What the headlines differ in from those of the model's beginning. */
function showDrift() {
  const found = [...drifts.values()].filter((drift) => drift.kind === "drifted");
  byId("drift").hidden = found.length === 0;
  byId("drift").replaceChildren(isolated(found.map((drift) => `Drift: ${drift.words}.`).join(" ")));
}

function showAbout(watched) {
  const digest = make("code", { title: watched.digest }, watched.digest.slice(0, 12));
  byId("about").replaceChildren(
    isolated(watched.model), " ", digest,
    ` · half-life ${duration(watched.half_life_s)} · since `, time(watched.started, SHORT_CLOCK),
  );
}

function drawAll() {
  showEntityOptions();
  drawAllHeadlines();
  draw();
}

/** Draw what has changed; while paused, only alerts. */
function draw() {
  isDrawing = false;
  drawAlerts();
  showPause();
  if (isPaused) return;
  drawChangedHeadlines();
  drawSignals();
  drawSources(serverNow());
}

function drawSoon() {
  if (isDrawing) return;
  isDrawing = true;
  setTimeout(draw, DRAW_EVERY_MS);
}

function showPause() {
  const button = byId("pause");
  button.setAttribute("aria-pressed", String(isPaused));
  button.textContent = isPaused ? `Resume${waiting > 0 ? ` (${waiting} new)` : ""}` : "Pause";
}

function togglePause() {
  isPaused = !isPaused;
  waiting = 0;
  showConnection();
  if (isPaused) showPause();
  else drawAll();
}

// --- connection

function showConnection() {
  const pill = byId("connection");
  const isOpen = source !== null && source.readyState === EventSource.OPEN;
  if (isOpen) {
    pill.dataset.state = isPaused ? "paused" : "live";
    pill.textContent = isPaused ? "Paused" : "Live";
  } else {
    pill.dataset.state = "waiting";
    pill.textContent = `Reconnecting… stale since ${clock(new Date(lastHeard))}`;
  }
}

/** Register a handler of messages; each message shows that the connection lives. */
function on(name, handle) {
  source.addEventListener(name, (event) => {
    lastHeard = Date.now();
    handle(JSON.parse(event.data));
    showConnection();
  });
}

function connect() {
  source?.close();
  source = new EventSource("/events");
  source.addEventListener("open", () => {
    lastHeard = Date.now();
    showConnection();
  });
  source.addEventListener("error", showConnection);
  on("state", takeState);
  on("headline", (headline) => {
    if (!headlines.has(headline.id)) waiting += 1;
    takeHeadline(headline);
    takeMarkers(headline);
    drawSoon();
  });
  on("signal", (signal) => {
    takeSignal(signal);
    drawSoon();
  });
  on("source", (health) => {
    takeSource(health);
    drawSoon();
  });
  on("alert", (alert) => {
    takeAlert(alert);
    announce(alert);
    drawSoon();
  });
  on("drift", (drift) => {
    takeDrift(drift);
    showDrift();
  });
  on("heartbeat", ({ now }) => {
    clockSkew_ms = Date.parse(now) - Date.now();
  });
}

/** Connect again where the browser has given up, or the connection hangs. */
function watchConnection() {
  const isSilent = Date.now() - lastHeard > SILENT_AFTER_MS;
  if (source.readyState === EventSource.CLOSED || isSilent) {
    const since = lastHeard;
    connect();
    lastHeard = since;
    showConnection();
  }
  if (!isPaused) drawSources(serverNow(), true);
}

byId("pause").addEventListener("click", togglePause);
byId("filters").addEventListener("change", () => {
  filterEntity = byId("entity-filter").value;
  drawAllHeadlines();
  markChosenEntity();
});
byId("filters").addEventListener("submit", (event) => event.preventDefault());
byId("try").addEventListener("submit", classify);
byId("try-text").addEventListener("keydown", submitOnEnter);
connect();
setInterval(watchConnection, RETRY_MS);
