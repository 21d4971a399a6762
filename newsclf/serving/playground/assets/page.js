// The playground: classifies what is typed, and shows the same call for curl and Python.

const subject = JSON.parse(document.body.dataset.subject);
const EXAMPLES = [
  "Brewer Tarnholt cuts its profit forecast as costs rise",
  "Korvath Bank lifts its dividend after record lending",
  "Tessaly Foods to hold its annual meeting in Lisbon",
];
const LABELS = ["negative", "neutral", "positive"];
const PLACEHOLDER = byId("headlines").placeholder;
const LISTED_FROM = 0.005; // a word that weighs less is not listed
const COPIED_FOR_MS = 1500;

function typedHeadlines() {
  return byId("headlines").value.split(/\r\n|\r|\n/u).map((line) => line.trim()).filter((line) => line !== "");
}

function requestFor(headlines) {
  return byId("explain").checked ? { headlines, explain: true } : { headlines };
}

// --- the same call

/** JSON in which no character is invisible or changes the direction of others. */
function plainJson(value) {
  return JSON.stringify(value).replace(/\p{C}/gu, (found) =>
    Array.from({ length: found.length }, (_, i) => `\\u${found.charCodeAt(i).toString(16).padStart(4, "0")}`).join(""));
}

/** A Python literal; JSON has the same escapes, but for characters beyond 16 bits. */
function pythonLiteral(text) {
  return JSON.stringify(text).replace(/\p{C}/gu, (found) =>
    `\\U${found.codePointAt(0).toString(16).padStart(8, "0")}`);
}

function shellWord(text) {
  return /^[\w./:@%+=-]+$/u.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}

function curlCommand(request) {
  const key = subject.key_file === null ? "" : `-K ${shellWord(subject.key_file)} `;
  return [
    `curl -s ${key}${location.origin}/classify \\`,
    "  -H 'content-type: application/json' \\",
    `  -d ${shellWord(plainJson(request))}`,
  ].join("\n");
}

function pythonCode(request) {
  const list = ["headlines = [", ...request.headlines.map((text) => `    ${pythonLiteral(text)},`), "]"];
  const loop = request.explain === true
    ? ["for answer in classifier.explain(headlines):", "    print(answer.prediction.label, answer.explanation)"]
    : ["for prediction in classifier.classify(headlines):", "    print(prediction.label, prediction.scores)"];
  return ["from newsclf import Classifier", "", `classifier = ${subject.python}`, ...list, ...loop].join("\n");
}

function showCode() {
  const typed = typedHeadlines();
  const request = requestFor(typed.length > 0 ? typed : [PLACEHOLDER]);
  byId("curl").textContent = curlCommand(request);
  byId("python").textContent = pythonCode(request);
}

async function copy(button) {
  const code = byId(button.dataset.of);
  try {
    await navigator.clipboard.writeText(code.textContent);
    button.textContent = "Copied";
    setTimeout(() => { button.textContent = "Copy"; }, COPIED_FOR_MS);
  } catch { // not allowed: it is selected instead, for the keyboard
    getSelection().selectAllChildren(code);
  }
}

// --- answers

function shownText(text) {
  return text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "\ufffd");
}

function percent(share) {
  return `${(100 * share).toFixed(1)} %`;
}

function probabilityRow([label, share], chosen) {
  const bar = make("span", { class: label });
  bar.style.width = `${100 * share}%`;
  return make(
    "li", { class: `${label}${label === chosen ? " chosen" : ""}` },
    make("span", { class: "name" }, make("span", { "aria-hidden": "true" }, `${SIGNS[label]} `), label),
    make("span", { class: "track", "aria-hidden": "true" }, bar),
    make("span", { class: "share" }, percent(share)),
  );
}

function wordList(words) {
  const heavy = words.filter((word) => Math.abs(word.weight) >= LISTED_FROM)
    .sort((a, b) => Math.abs(b.weight) - Math.abs(a.weight)).slice(0, MOST_MARKED);
  if (heavy.length === 0) return make("p", { class: "faint small" }, "No single word matters.");
  const items = heavy.map((word) => {
    const points = Math.round(100 * word.weight);
    return make("li", {}, isolated(shownText(word.word)), " ", make("b", {}, `${points < 0 ? "−" : "+"}${Math.abs(points)}`));
  });
  return make("ul", { class: "words", "aria-label": "Words that mattered, in points of probability" }, ...items);
}

function answerItem(headline, found) {
  const label = Object.hasOwn(SIGNS, found.label) ? found.label : "unknown";
  const shares = LABELS.map((each) => [each, found.scores[each]]);
  const words = found.explanation;
  return make(
    "li", { class: `answer ${label}` },
    make("p", { class: "headline" }, markedText(shownText(headline), words ?? [])),
    make("ul", { class: "probabilities", "aria-label": "Probabilities" }, ...shares.map((row) => probabilityRow(row, label))),
    words === undefined ? null : wordList(words),
  );
}

function showAnswers(request, answer, tookMs) {
  const count = request.headlines.length;
  if (answer.predictions?.length !== count) throw new Problem("The answer is not of the API's form.");
  byId("answers").replaceChildren(...answer.predictions.map((found, i) => answerItem(request.headlines[i], found)));
  byId("model").textContent = ` Model ${String(answer.model).slice(0, 12)}.`;
  const texts = answer.predictions.reduce((sum, found) => sum + 1 + (found.explanation?.length ?? 0), 0);
  const more = texts > count ? `: ${texts} texts were classified, each headline also without each of its words` : "";
  byId("figures").textContent = `${count} ${count === 1 ? "headline" : "headlines"} in ${tookMs.toFixed(tookMs < 10 ? 1 : 0)} ms, seen from this page${more}.`;
  byId("legend").hidden = texts === count;
}

// --- the call

/** What is shown to the reader, and at which field. */
class Problem extends Error {
  constructor(message, field = null) {
    super(message);
    this.field = field;
  }
}

/** The key, also where its line of the key file was pasted. */
function typedKey() {
  return byId("key").value.trim().replace(/^header = "x-api-key: (.*)"$/u, "$1");
}

function headersFor() {
  const headers = { "Content-Type": "application/json" };
  if (subject.key_file === null) return headers;
  const key = typedKey();
  if (key === "") throw new Problem("Type the API key.", "key");
  if (!/^[\x21-\x7e]+$/u.test(key)) throw new Problem("The API key has letters, digits and signs only.", "key");
  return { ...headers, "x-api-key": key };
}

async function send(request, headers) {
  let answer = null;
  try {
    answer = await fetch("/classify", { method: "POST", headers, body: JSON.stringify(request) });
  } catch {
    throw new Problem(`The server cannot be reached. If it has ended, this starts it again: ${subject.start}`);
  }
  const body = await answer.json().catch(() => null);
  if (answer.ok && body !== null) return body;
  if (answer.status === 401) throw new Problem("The API key is wrong.", "key");
  const words = body?.error?.message ?? `the server answered with status ${answer.status}`;
  throw new Problem(`Not classified: ${shownText(String(words))}.`, answer.status === 400 ? "headlines" : null);
}

function showProblem(problem) {
  byId("problem").textContent = problem.message;
  byId("problem").hidden = false;
  for (const id of ["answers", "figures"]) byId(id).replaceChildren();
  byId("legend").hidden = true;
  if (problem.field === null) return;
  byId(problem.field).setAttribute("aria-invalid", "true");
  byId(problem.field).focus();
}

function clearProblem() {
  byId("problem").hidden = true;
  for (const id of ["headlines", "key"]) byId(id).removeAttribute("aria-invalid");
}

async function classify(event) {
  event.preventDefault();
  const button = byId("try").querySelector("[type=submit]");
  if (button.disabled) return;
  clearProblem();
  button.disabled = true;
  try {
    const headlines = typedHeadlines();
    if (headlines.length === 0) throw new Problem("Type a headline.", "headlines");
    const request = requestFor(headlines);
    const headers = headersFor();
    const startedMs = performance.now();
    const answer = await send(request, headers);
    showAnswers(request, answer, performance.now() - startedMs);
  } catch (error) {
    if (!(error instanceof Problem)) throw error;
    showProblem(error);
  } finally {
    button.disabled = false;
  }
}

function submitOnControlEnter(event) {
  if (event.key !== "Enter" || !(event.ctrlKey || event.metaKey) || event.isComposing) return;
  event.preventDefault();
  byId("try").requestSubmit();
}

function fillInExamples() {
  byId("headlines").value = EXAMPLES.join("\n");
  showCode();
  byId("headlines").focus();
}

if (subject.key_file !== null) {
  byId("key-part").hidden = false;
  byId("key-file").textContent = subject.key_file;
}
byId("try").addEventListener("submit", classify);
byId("headlines").addEventListener("keydown", submitOnControlEnter);
byId("headlines").addEventListener("input", showCode);
byId("explain").addEventListener("change", showCode);
byId("examples").addEventListener("click", fillInExamples);
for (const button of document.querySelectorAll(".copy")) button.addEventListener("click", () => copy(button));
showCode();
