// The review: shows a state, and sends each decision.

const KEYS = {
  1: "negative", n: "negative", ArrowLeft: "negative",
  2: "neutral", e: "neutral", ArrowDown: "neutral",
  3: "positive", p: "positive", ArrowRight: "positive",
};
const SHORTCUTS = { negative: ["1", "n", "←"], neutral: ["2", "e", "↓"], positive: ["3", "p", "→"] };

let state = null;
let isBusy = false; // a decision is under way

function toned(label, share) {
  const words = `${SIGNS[label]} ${label}${share === undefined ? "" : ` ${Math.round(share * 100)} %`}`;
  return make("span", { class: `tone ${label}` }, words);
}

function opinion({ by, kind, label, share }) {
  return make("li", {}, isolated(by), " ", toned(label, kind === "human" ? undefined : share));
}

function labelButton([label, rule]) {
  const keys = make("span", { "aria-hidden": "true" }, ...SHORTCUTS[label].flatMap((key) => [make("kbd", {}, key), " "]));
  const sign = make("span", { "aria-hidden": "true" }, `${SIGNS[label]} `);
  const name = make("span", { class: "name" }, make("span", {}, sign, label), keys);
  const button = make(
    "button",
    { type: "button", class: label, "data-label": label, "aria-keyshortcuts": SHORTCUTS[label].slice(0, 2).join(" ") },
    name, make("span", { class: "small faint" }, rule.split(":")[0]),
  );
  button.addEventListener("click", () => decide(label));
  return button;
}

function showRules() {
  byId("question").textContent = state.question;
  byId("labels").replaceChildren(...Object.entries(state.rules).map(labelButton));
  const rules = Object.entries(state.rules).map(([label, rule]) => make("li", {}, toned(label), ` ${rule}`));
  byId("rules").replaceChildren(...rules, ...state.notes.map((note) => make("li", {}, note)));
}

function showFigures() {
  const decided = state.labelled + state.skipped;
  const speed = state.seconds_per_decision === null ? "" : ` · ${state.seconds_per_decision.toFixed(1)} s each`;
  byId("annotator").replaceChildren("Reviewed by ", isolated(state.annotator));
  byId("figures").textContent = `${decided} of ${state.total}${speed}`;
  byId("progress").max = Math.max(1, state.total);
  byId("progress").value = decided;
  const counts = Object.entries(state.labels).map(([label, count]) => `${count} ${label}`).join(", ");
  byId("counts").textContent = `${state.labelled} labelled (${counts}), ${state.skipped} skipped.`;
}

function showLast() {
  const last = state.last;
  byId("previous").hidden = last === null;
  if (last === null) return;
  byId("previous-text").replaceChildren(isolated(last.text));
  const own = make("li", {}, "you ", last.label === null ? "skipped it" : toned(last.label));
  byId("others").replaceChildren(own, ...last.opinions.map(opinion));
}

function showAgreement() {
  byId("agreement").hidden = state.agreements.length === 0;
  const rows = state.agreements.map(({ by, both, agreed }) => make(
    "tr", {},
    make("th", { scope: "row" }, isolated(by)),
    make("td", {}, `${agreed} of ${both}`),
    make("td", {}, `${Math.round((100 * agreed) / both)} %`),
  ));
  byId("agreements").replaceChildren(...rows);
}

function show(next) {
  const isFirst = state === null;
  state = next;
  if (isFirst) showRules();
  const item = state.item;
  byId("review").hidden = item === null;
  byId("skip").hidden = item === null;
  byId("done").hidden = item !== null;
  byId("undo").disabled = state.labelled + state.skipped === 0;
  byId("headline").replaceChildren(isolated(item?.text ?? ""));
  byId("source").replaceChildren(isolated(item?.source ?? ""));
  byId("hints").replaceChildren(...(item?.opinions ?? []).map(opinion));
  showFigures();
  showLast();
  showAgreement();
  // Reads the headline; a key then works wherever the focus had been.
  byId(item === null ? "done-title" : "headline").focus();
  byId("announcement").textContent = announcement();
}

function announcement() {
  const { last } = state;
  if (last === null) return "";
  const others = last.opinions.map(({ by, label }) => `${by} ${label}`).join(", ");
  return `${last.label ?? "skipped"}${others === "" ? "" : `; ${others}`}`;
}

function complain(message) {
  byId("problem").textContent = message;
  byId("problem").hidden = message === "";
}

/** Ask the server; a second key while it answers is dropped, since it would be for the next headline. */
async function ask(path, body) {
  if (isBusy) return;
  isBusy = true;
  try {
    const options = { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
    const answer = await fetch(path, body === undefined ? {} : options);
    const found = await answer.json();
    if (answer.status === 409) {
      show(await (await fetch("state")).json());
      complain("Another window had gone on; this is the headline to decide now.");
    } else if (!answer.ok) {
      complain(found.error.message);
    } else {
      complain("");
      show(found);
    }
  } catch {
    complain("newsclf label cannot be reached. What was decided is saved; start it again to go on.");
  } finally {
    isBusy = false;
  }
}

function decide(label) {
  if (state?.item) ask("decide", { id: state.item.id, label });
}

function press(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.isComposing) return;
  const key = event.key.length === 1 ? event.key.toLowerCase() : event.key;
  if (Object.hasOwn(KEYS, key)) decide(KEYS[key]);
  else if (key === "s") decide(null);
  else if (key === "u") ask("undo", {});
  else if (key === "?") byId("help").open = !byId("help").open;
  else return;
  event.preventDefault();
}

byId("skip").addEventListener("click", () => decide(null));
byId("undo").addEventListener("click", () => ask("undo", {}));
document.addEventListener("keydown", press);
ask("state");
