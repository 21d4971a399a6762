// Alerts with their evidence, and their announcement to screen readers.

const MAX_ALERTS = 100;
const MAX_ALERTS_SHOWN = 30;
const alerts = new Map(); // id → alert, oldest first
let alertsChanged = false;

function takeAlert(alert) {
  alerts.set(alert.id, alert);
  if (alerts.size > MAX_ALERTS) alerts.delete(alerts.keys().next().value);
  alertsChanged = true;
}

function sentence(alert) {
  const value = alert.signal === null ? "no news" : signed(alert.signal);
  const what = alert.kind === "raised" ? alert.direction : `no longer ${alert.direction}`;
  return `${entityName(alert.entity)}: ${what} (${value})`;
}

function announce(alert) {
  byId("announcement").textContent = `Alert: ${sentence(alert)}`;
}

function drawAlerts() {
  if (!alertsChanged) return;
  alertsChanged = false;
  const open = new Set(Array.from(byId("alerts").querySelectorAll("details[open]"), (d) => d.dataset.id));
  const newest = [...alerts.values()].reverse().slice(0, MAX_ALERTS_SHOWN);
  byId("alerts").replaceChildren(...newest.map((alert) => alertRow(alert, open.has(alert.id))));
  byId("no-alerts").hidden = newest.length > 0;
}

function alertRow(alert, isOpen) {
  const css = alert.kind === "raised" ? alert.direction : "cleared";
  const sign = make("span", { "aria-hidden": "true", class: "sign" }, alert.kind === "raised" ? SIGNS[alert.direction] : "✓");
  const head = make("p", { class: "what" }, sign, " ", isolated(sentence(alert)));
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
