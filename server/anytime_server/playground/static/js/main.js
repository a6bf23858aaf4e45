/** Puts the page together. */

import { createActions } from "./actions.js";
import { createAnnouncer } from "./announcer.js";
import { best } from "./answers.js";
import { createChart } from "./chart.js";
import { byId } from "./dom.js";
import { examplesFor, isEmbedded } from "./examples.js";
import { createFinal } from "./final.js";
import { createForm } from "./form.js";
import { find } from "./history.js";
import { createKeeper } from "./keeper.js";
import { createKeyDialog } from "./key.js";
import { createLegend } from "./legend.js";
import { createNotice } from "./notice.js";
import { installColours } from "./palette.js";
import { spent } from "./phrases.js";
import { createRecent } from "./recent.js";
import { replay } from "./replay.js";
import { sessionHash, sessionIn } from "./route.js";
import { served } from "./served.js";
import { Session } from "./session.js";
import { isRunning } from "./state.js";
import { createStore } from "./store.js";
import { createTable } from "./table.js";
import { createThinking } from "./thinking.js";
import { createVerdict } from "./verdict.js";

const EMBEDDED_BUDGET = 120;
const EMBEDDED_MOST = 400;
const EMBEDDED_CHECKPOINTS = 12;
const EMBEDDED_SAMPLES = 8;
const ONE_COLUMN = matchMedia("(max-width: 900px)");

installColours();
const store = createStore();
const session = new Session(store);
const ask = (question, request) => session.ask(question, request);
const form = createForm(ask);
const askForKey = createKeyDialog(onKey);
const keeper = createKeeper(store, () => showRecent(store.state.id));
const showRecent = createRecent(keeper.forget);
const thinking = createThinking(byId("thinking"), byId("follow"));
const views = [
  createVerdict(),
  createChart(byId("chart"), (at) => thinking.point(at), byId("legend")),
  createTable(byId("chart-rows")),
  createLegend(byId("legend")),
  (state) => thinking.render(state),
  createFinal(),
  showSpent,
];
const controls = [
  createActions(session, playAgain),
  createNotice(
    {
      again: () => ask(store.state.question, store.state.request),
      reconnect: () => session.reconnect(),
      key: () => askForKey(store.state.error.withKey),
    },
    form.markWrong,
  ),
  createAnnouncer(),
];
let playing = new AbortController();

store.subscribe((state) => {
  playing.abort();
  for (const show of [...views, ...controls]) show(state);
});
store.subscribe(keeper.follow);
store.subscribe(onChange());
window.addEventListener("hashchange", route);
start();

async function start() {
  const known = await served();
  form.setModel(known.model);
  if (isEmbedded(known.model)) {
    form.setMost(Math.min(known.most ?? EMBEDDED_MOST, EMBEDDED_MOST));
    form.fill(examplesFor(known.model)[0].question, {
      budget: EMBEDDED_BUDGET,
      checkpoints: { count: EMBEDDED_CHECKPOINTS },
      interim: { samples: EMBEDDED_SAMPLES },
    });
  } else if (known.most) {
    form.setMost(known.most);
    if (known.usual) form.setBudget(Math.min(known.usual, known.most));
  }
  if (known.refusal) askForKey(known.refusal.withKey);
  showRecent(null);
  route();
  form.fillDraft();
}

/** Show the session in the address, if it is not on show already. */
function route() {
  const wanted = sessionIn(location.hash);
  if (wanted === null) {
    if (store.state.phase === "idle") return;
    session.leave();
    store.dispatch({ type: "page.cleared" });
    byId("question").focus();
    return;
  }
  if (wanted.id === store.state.id) return;
  const kept = find(wanted.id);
  form.fill(kept?.question ?? wanted.question, kept?.request);
  session.open(wanted.id, kept, wanted.question);
}

/** With a key that the server knows what was refused is tried once more. */
async function onKey() {
  const { refusal } = await served();
  if (refusal) {
    askForKey(refusal.withKey);
    return;
  }
  const { id, question, request, error } = store.state;
  if (error?.status !== 401) return;
  if (id === null) ask(question, request);
  else if (!isRunning(store.state)) session.reconnect();
  else store.dispatch({ type: "page.accepted" });
}

function playAgain() {
  const { state } = store;
  playing.abort();
  playing = new AbortController();
  replay(state, (past) => views.forEach((show) => show(past)), playing.signal);
}

function showSpent(state) {
  byId("spent").textContent = spent(state);
}

/** What follows from a change beside the views: the address, the history, the page's title. */
function onChange() {
  let before = store.state;
  return (state) => {
    if (state.id !== null && state.id !== before.id) {
      history.replaceState(null, "", sessionHash(state.id));
      if (ONE_COLUMN.matches) byId("run").scrollIntoView();
    }
    if (state.budget && state.budget.granted < state.budget.requested) form.setMost(state.budget.granted);
    if (state.error !== before.error && state.error?.status === 401) askForKey(state.error.withKey);
    if (state.id !== before.id) showRecent(state.id);
    const answer = best(state);
    document.title = answer ? `${isRunning(state) ? "… " : ""}${answer.words} · Anytime` : "Anytime";
    before = state;
  };
}
