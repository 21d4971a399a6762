// The box to try a headline.

async function classify(event) {
  event.preventDefault();
  const box = byId("try-text");
  const result = byId("try-result");
  const button = byId("try").querySelector("button");
  const headline = box.value.trim();
  if (headline === "") return;
  button.disabled = true;
  result.replaceChildren(make("p", { class: "faint small" }, "Classifying…"));
  try {
    result.replaceChildren(...(await answerFor(headline)));
  } catch {
    result.replaceChildren(make("p", { class: "notice" }, "newsclf watch cannot be reached."));
  } finally {
    button.disabled = false;
  }
}

async function answerFor(headline) {
  const answer = await fetch("/classify", {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify({ headline }),
  });
  const body = await answer.json();
  if (!answer.ok) return [make("p", { class: "notice" }, isolated(body.error.message))];
  const content = headlineContent({ title: headline, url: null, classification: body });
  return [make("div", { class: `row ${body.label}` }, ...content)];
}

function submitOnEnter(event) {
  if (event.key !== "Enter" || event.shiftKey || event.isComposing) return;
  event.preventDefault();
  byId("try").requestSubmit();
}
