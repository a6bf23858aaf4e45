/** The question and its settings: from the controls to a request body, and from a refusal back to the control at fault. */

import { byId, element, flag } from "./dom.js";
import { examplesFor } from "./examples.js";
import { budgetScale } from "./scales.js";
import { session } from "./storage.js";

const DRAFT = "anytime.draft";

/** What the number beside each checkpoint rule means, and where it starts. */
const RULES = {
  count: { name: "How many", unit: "answers", start: 8, step: 1, min: 1, max: 256 },
  every: { name: "How many tokens apart", unit: "tokens", start: 10, step: 1, min: 1, max: 1_000_000 },
  geometric: { name: "Each so many times the last", unit: "times", start: 1.5, step: 0.1, min: 1.01, max: 1000 },
  none: null,
};

/** From a field of the API to the control that sets it. */
const CONTROLS = {
  prompt: "question",
  messages: "question",
  budget: "budget",
  checkpoints: "checkpoint-number",
  "interim.samples": "samples",
  trunks: "trunks",
  "stop_when.consensus": "consensus",
  "interim.temperature": "temperature",
  temperature: "temperature",
};

/**
 * @param {(question: string, request: object) => void} onAsk
 * @returns {{setModel, setMost, setBudget, fill, fillDraft, markWrong}}
 */
export function createForm(onAsk) {
  const form = byId("ask");
  const slider = byId("budget-slider");
  const budget = byId("budget");
  let scale = budgetScale(2048);

  const showFilled = () => slider.style.setProperty("--filled", `${slider.value / 10}%`);
  const setBudget = (tokens) => {
    budget.value = tokens;
    slider.value = scale.toPosition(tokens);
    slider.setAttribute("aria-valuetext", `${tokens} tokens`);
    showFilled();
  };

  slider.addEventListener("input", () => {
    budget.value = scale.toBudget(Number(slider.value));
    slider.setAttribute("aria-valuetext", `${budget.value} tokens`);
    showFilled();
  });
  budget.addEventListener("input", () => {
    slider.value = scale.toPosition(budget.valueAsNumber || 0);
    showFilled();
  });
  form.addEventListener("change", (event) => {
    if (event.target.name === "checkpoints") showRule(RULES[event.target.value], RULES[event.target.value]?.start);
  });
  form.addEventListener("input", clearWrong);
  byId("question").addEventListener("input", (event) => session.setItem(DRAFT, event.target.value));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    clearWrong();
    session.removeItem(DRAFT);
    const question = byId("question").value.trim();
    if (question) onAsk(question, readRequest(question));
    else markWrong("prompt", "Write a question first.");
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  if (/Mac|iP(hone|ad)/.test(navigator.platform)) byId("modifier").textContent = "⌘";
  showRule(RULES.count, RULES.count.start);
  setBudget(1024);

  return {
    setBudget,
    /** Set the largest budget. */
    setMost(tokens) {
      scale = budgetScale(tokens);
      setBudget(Math.min(budget.valueAsNumber || 0, tokens));
    },
    /** Set the examples that suit the model. */
    setModel(model) {
      byId("examples").replaceChildren(...examplesFor(model).map(exampleButton));
    },
    fill(question, request) {
      byId("question").value = question ?? "";
      if (request) writeRequest(request, setBudget);
    },
    /** Bring back a question that was being written before the page was loaded again. */
    fillDraft() {
      const draft = session.getItem(DRAFT);
      if (draft) byId("question").value = draft;
    },
    markWrong,
  };
}

function exampleButton({ name, question }) {
  const button = element("button", { type: "button", title: question }, name);
  button.addEventListener("click", () => {
    byId("question").value = question;
    byId("ask").requestSubmit();
  });
  return element("li", {}, button);
}

function showRule(rule, start) {
  byId("checkpoint-amount").hidden = rule === null;
  if (rule === null) return;
  const number = byId("checkpoint-number");
  Object.assign(number, { min: rule.min, max: rule.max, step: rule.step, value: start });
  byId("checkpoint-name").textContent = rule.name;
  byId("checkpoint-unit").textContent = rule.unit;
}

const chosenRule = () => byId("ask").elements.checkpoints.value;

/** The body of the request; a control that is empty leaves its field to the server. */
function readRequest(prompt) {
  const rule = chosenRule();
  const number = byId("checkpoint-number").valueAsNumber;
  const samples = byId("samples").valueAsNumber;
  const trunks = byId("trunks").valueAsNumber;
  const consensus = byId("consensus").valueAsNumber;
  const temperature = byId("temperature").valueAsNumber;
  const budget = byId("budget").valueAsNumber;
  return {
    prompt,
    ...(!Number.isNaN(budget) && { budget }),
    checkpoints: rule === "none" ? [] : { [rule]: number },
    ...(!Number.isNaN(samples) && samples !== 1 && { interim: { samples } }),
    ...(trunks > 1 && { trunks }),
    ...(!Number.isNaN(consensus) && { stop_when: { consensus: consensus / 100 } }),
    ...(!Number.isNaN(temperature) && { temperature }),
    ...(byId("short").checked && { answer: "short" }),
  };
}

function writeRequest(request, setBudget) {
  if (request.budget !== undefined) setBudget(request.budget);
  const [rule, number] = Object.entries(request.checkpoints)[0] ?? ["none", null];
  byId("ask").elements.checkpoints.value = rule;
  showRule(RULES[rule], number);
  byId("samples").value = request.interim?.samples ?? "";
  byId("trunks").value = request.trunks ?? "";
  byId("consensus").value = request.stop_when?.consensus ? Math.round(request.stop_when.consensus * 100) : "";
  byId("temperature").value = request.temperature ?? "";
  byId("short").checked = request.answer === "short";
}

/**
 * Mark the control that sets a field, and say what is wrong with it.
 *
 * @returns {boolean} whether there is such a control
 */
function markWrong(param, message) {
  const control = byId(CONTROLS[param] ?? CONTROLS[param.split(".")[0]]);
  if (!control) return false;
  const field = control.closest(".field");
  flag(field, "wrong", true);
  control.setAttribute("aria-invalid", "true");
  const error = field.querySelector(".field-error");
  error.textContent = message;
  error.hidden = false;
  const folded = control.closest("details");
  if (folded) folded.open = true;
  control.focus();
  return true;
}

function clearWrong() {
  for (const field of document.querySelectorAll(".field[data-wrong]")) {
    flag(field, "wrong", false);
    field.querySelector("[aria-invalid]").removeAttribute("aria-invalid");
    field.querySelector(".field-error").hidden = true;
  }
}
