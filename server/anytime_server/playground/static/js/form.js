/** The question and its settings: from the controls to a request body, and from a refusal back to the control at fault. */

import { controlOf, fault, inForce, readSettings, writeSettings } from "./controls.js";
import { asked, systemOf } from "./conversation.js";
import { byId, element, flag } from "./dom.js";
import { ableOf, examplesFor } from "./examples.js";
import { budgetScale } from "./scales.js";
import { session } from "./storage.js";

const DRAFT = "anytime.draft";

/** What the number beside each checkpoint rule means, and where it starts. */
const RULES = {
  count: { name: "How many", unit: "answers", start: 8, whole: true, min: 1, max: 256 },
  every: { name: "How many tokens apart", unit: "tokens", start: 10, whole: true, min: 1, max: 1_000_000 },
  geometric: { name: "How many times the last", unit: "times", start: 1.5, whole: false, min: 1.01, max: 1000 },
  none: null,
};

/** The controls of rules over interim answers. */
const BY_INTERIM_ANSWERS = ["stable", "confidence", "risk", "consensus"];

/**
 * @param {(question: string, request: object, beside: number|null) => void} onAsk `beside`: another budget to ask with
 * @returns {{settings, besideBudget, check, setMost, setBudget, setModel, stopWhenStable, fill, fillDraft, markWrong}}
 */
export function createForm(onAsk) {
  const form = byId("ask");
  const slider = byId("budget-slider");
  const budget = byId("budget");
  let scale = budgetScale(2048);

  const showSlider = () => {
    slider.value = scale.toPosition(budget.valueAsNumber || 0);
    slider.setAttribute("aria-valuetext", `${budget.value} tokens`);
    slider.style.setProperty("--filled", `${slider.value / 10}%`);
  };
  const setBudget = (tokens) => {
    budget.value = tokens;
    showSlider();
  };

  slider.addEventListener("input", () => {
    budget.value = scale.toBudget(Number(slider.value));
    showSlider();
  });
  budget.addEventListener("input", showSlider);
  form.addEventListener("change", (event) => {
    if (event.target.name === "checkpoints") showRule(RULES[event.target.value], RULES[event.target.value]?.start);
  });
  byId("compare").addEventListener("change", () => showBeside(budget.valueAsNumber));
  form.addEventListener("input", () => {
    clearWrong();
    showInForce();
  });
  byId("question").addEventListener("input", (event) => session.setItem(DRAFT, event.target.value));
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    const question = byId("question").value.trim();
    if (!check()) return;
    if (question === "") {
      mark("question", "Write a question first.");
      return;
    }
    session.removeItem(DRAFT);
    onAsk(question, { ...asked(question, byId("system").value.trim()), ...settings() }, besideBudget());
  });
  form.addEventListener("keydown", (event) => {
    if (event.key === "Enter" && (event.ctrlKey || event.metaKey)) form.requestSubmit();
  });
  showRule(RULES.count, RULES.count.start);
  showBeside();
  setBudget(1024);

  return {
    settings,
    setBudget,
    /** Set the largest budget. */
    setMost(tokens) {
      scale = budgetScale(tokens);
      setBudget(Math.min(budget.valueAsNumber || 0, tokens));
    },
    /** Say what the model can do, and show the examples that suit it. */
    setModel(model) {
      byId("able").textContent = ableOf(model);
      byId("able").hidden = ableOf(model) === null;
      byId("examples").replaceChildren(...examplesFor(model).map(exampleButton));
    },
    /** Offer to bound the error rate only where the server has a calibration; null is none, undefined is not known. */
    setCalibration(calibration) {
      const risk = byId("risk");
      risk.disabled = calibration === null;
      risk.placeholder = risk.disabled ? "not calibrated" : "never stop";
      risk.title = risk.disabled ? "The server has no calibration. To make one: anytime calibrate" : "";
    },
    stopWhenStable(inARow) {
      byId("stable").value = inARow;
      byId("stopping").open = true;
      showInForce();
    },
    fill(question, request) {
      byId("question").value = question ?? "";
      if (!request) return;
      writeRequest(request);
      showSlider();
      showInForce();
    },
    /** Bring back a question that was being written before the page was loaded again. */
    fillDraft() {
      const draft = session.getItem(DRAFT);
      if (draft) byId("question").value = draft;
    },
    check,
    besideBudget,
    markWrong: (param, message) => mark(controlOf(param), message),
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
  const number = byId("checkpoint-number");
  byId("checkpoint-amount").hidden = rule === null;
  number.required = rule !== null;
  if (rule === null) return;
  Object.assign(number, { min: rule.min, max: rule.max, step: rule.whole ? 1 : "any", value: start });
  flag(number, "whole", rule.whole);
  byId("checkpoint-name").textContent = rule.name;
  byId("checkpoint-unit").textContent = rule.unit;
}

/** Show the other budget where two are wanted; at first it is a quarter of the one. */
function showBeside(budget) {
  const on = byId("compare").checked;
  const number = byId("beside-budget");
  byId("beside-amount").hidden = !on;
  number.required = on;
  if (on && number.value === "") number.value = Math.round((budget || 0) / 4);
}

const besideBudget = () => (byId("compare").checked ? byId("beside-budget").valueAsNumber : null);

function showInForce() {
  for (const group of document.querySelectorAll(".more")) {
    const words = inForce(group);
    if (group.contains(byId("system")) && byId("system").value.trim()) words.push("system prompt");
    if (group.contains(byId("short")) && byId("short").checked) words.push("short");
    if (group.contains(byId("prune")) && byId("prune").checked) words.push("pruned");
    group.querySelector(".in-force").textContent = words.join(", ");
  }
}

/** Everything of the request but what is asked. */
function settings() {
  const rule = byId("ask").elements.checkpoints.value;
  const { budget, ...rest } = readSettings();
  return {
    ...(budget !== undefined && { budget }),
    checkpoints: rule === "none" ? [] : { [rule]: byId("checkpoint-number").valueAsNumber },
    ...rest,
    ...(byId("prune").checked && { prune: true }),
    ...(byId("short").checked && { answer: "short" }),
  };
}

function writeRequest(request) {
  const [rule, number] = Object.entries(request.checkpoints)[0] ?? ["none", null];
  byId("ask").elements.checkpoints.value = rule;
  showRule(RULES[rule], number);
  writeSettings(request);
  byId("system").value = systemOf(request);
  byId("prune").checked = request.prune === true;
  byId("short").checked = request.answer === "short";
}

/** Mark the first control that is wrong; return whether none is. */
function check() {
  clearWrong();
  for (const input of byId("ask").querySelectorAll('input[type="number"]')) {
    const wrong = fault(input);
    if (wrong !== null) return !mark(input.id, wrong);
  }
  const needing = BY_INTERIM_ANSWERS.find((id) => byId(id).value !== "");
  if (needing !== undefined && byId("ask").elements.checkpoints.value === "none")
    return !mark(needing, "This needs interim answers. Choose how many.");
  if ((byId("consensus").value !== "" || byId("prune").checked) && !(byId("trunks").valueAsNumber > 1))
    return !mark("trunks", "Give two or more thoughts. One has nobody to agree with.");
  return true;
}

/**
 * Mark a control, and say what is wrong with it.
 *
 * @returns {boolean} whether there is such a control
 */
function mark(id, message) {
  const control = id === null ? null : byId(id);
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
