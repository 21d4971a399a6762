// Alerts with their evidence, and their announcement to screen readers.

const MAX_ALERTS = 100;
const NEWEST_ALERTS = 5; // the others are folded
const alerts = new Map(); // id → alert, oldest first
let alertsChanged = false;

function takeAlert(alert) {
  alerts.set(alert.id, alert);
  if (alerts.size > MAX_ALERTS) alerts.delete(alerts.keys().next().value);
  alertsChanged = true;
}

function whatHappened(alert) {
  const value = alert.signal === null ? "no news" : signed(alert.signal);
  const what = alert.kind === "raised" ? alert.direction : `no longer ${alert.direction}`;
  return `: ${what} (${value})`;
}

function announce(alert) {
  byId("announcement").textContent = `Alert: ${entityName(alert.entity)}${whatHappened(alert)}`;
}

function drawAlerts() {
  if (!alertsChanged) return;
  alertsChanged = false;
  const open = new Set(Array.from(document.querySelectorAll(".alert details[open]"), (d) => d.dataset.id));
  const drawn = [...alerts.values()].reverse().map((alert) => alertRow(alert, open.has(alert.id)));
  byId("alerts").replaceChildren(...drawn.slice(0, NEWEST_ALERTS));
  byId("older-alerts").replaceChildren(...drawn.slice(NEWEST_ALERTS));
  byId("older").hidden = drawn.length <= NEWEST_ALERTS;
  byId("older").querySelector("summary").textContent = `${drawn.length - NEWEST_ALERTS} earlier`;
  byId("no-alerts").hidden = drawn.length > 0;
}

function alertRow(alert, isOpen) {
  const css = alert.kind === "raised" ? alert.direction : "cleared";
  const sign = make("span", { "aria-hidden": "true", class: "sign" }, alert.kind === "raised" ? SIGNS[alert.direction] : "✓");
  const head = make("p", { class: "what" }, sign, " ", isolated(entityName(alert.entity)), whatHappened(alert));
  const row = make("li", { class: `alert ${css}` }, head, make("p", { class: "meta" }, time(alert.at)));
  if (alert.evidence.length > 0) {
    const list = make("ul", {}, ...alert.evidence.map(evidenceRow));
    const details = make("details", {}, make("summary", {}, `Evidence: ${counted(alert.evidence.length, "headline")}`), list);
    details.dataset.id = alert.id;
    details.open = isOpen;
    row.append(details);
  }
  return row;
}

function evidenceRow(evidence) {
  const jump = make("button", { type: "button", class: "plain" }, isolated(evidence.title));
  const meta = make("span", { class: "meta" }, `${signed(evidence.score)} `, isolated(evidence.source));
  jump.addEventListener("click", () => {
    if (jumpTo(evidence.headline)) return;
    jump.disabled = true;
    meta.append(make("span", { class: "note" }, "no longer in the list"));
  });
  return make("li", {}, jump, meta);
}
