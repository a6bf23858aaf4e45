/** Puts the page together. */

import { createActions } from "./actions.js";
import { createAnnouncer, say } from "./announcer.js";
import { best } from "./answers.js";
import { bestBeside, createBeside } from "./beside.js";
import { createChart } from "./chart.js";
import { asked } from "./conversation.js";
import { byId } from "./dom.js";
import { EMBEDDED_MOST, startFor } from "./examples.js";
import { createFinal } from "./final.js";
import { createFold } from "./fold.js";
import { createFollowUp } from "./follow_up.js";
import { createForm } from "./form.js";
import { find } from "./history.js";
import { createKeeper } from "./keeper.js";
import { createKeyDialog } from "./key.js";
import { createKeys } from "./keys.js";
import { createLegend } from "./legend.js";
import { createNotice } from "./notice.js";
import { createPair } from "./pair.js";
import { installColours } from "./palette.js";
import { spent } from "./phrases.js";
import { createRecent } from "./recent.js";
import { replay } from "./replay.js";
import { sessionHash, sessionIn } from "./route.js";
import { createSavings } from "./saved.js";
import { served } from "./served.js";
import { isRunning } from "./state.js";
import { createTable } from "./table.js";
import { createThinking } from "./thinking.js";
import { createVerdict } from "./verdict.js";

const ONE_COLUMN = matchMedia("(max-width: 900px)");

installColours();
const pair = createPair();
const { store, session } = pair;
const form = createForm(pair.ask);
const askForKey = createKeyDialog(onKey);
const keepers = pair.stores.map((each) => createKeeper(each, () => showRecent(store.state.id)));
const showRecent = createRecent(() => keepers.forEach((keeper) => keeper.forget()), shownColour);
const thinking = createThinking(byId("thinking"), byId("follow"));
const fold = createFold(store);
const views = [
  createVerdict(),
  createChart(byId("chart"), { onPoint: (at) => thinking.point(at), onPick: showInThinking, onTell: say }),
  createTable(byId("chart-rows")),
  createLegend(byId("legend")),
  fold.show,
  (state) => thinking.render(state),
  createFinal(),
  createSavings(tryStopping),
  showSpent,
];
const controls = [
  createActions({ session, answerNow: pair.answerNow, cancel: pair.cancel }, playAgain),
  createFollowUp(store, form, pair.ask),
  createNotice(
    {
      again: () => pair.ask(store.state.question, store.state.request),
      reconnect: () => session.reconnect(),
      key: () => askForKey(store.state.error.withKey),
    },
    form.markWrong,
  ),
  createAnnouncer(),
];
let playing = new AbortController();

const showBeside = createBeside(...pair.stores);
createKeys({ answerNow: pair.answerNow, fresh: leave });
store.subscribe((state) => {
  playing.abort();
  for (const show of [...views, ...controls]) show(state);
});
pair.stores.forEach((each, index) => {
  each.subscribe(showBeside);
  each.subscribe(keepers[index].follow);
});
store.subscribe(onChange());
window.addEventListener("hashchange", route);
start();

async function start() {
  const known = await served();
  form.setModel(known.model);
  form.setCalibration(known.calibration);
  const own = startFor(known.model);
  if (own) {
    form.setMost(Math.min(known.most ?? EMBEDDED_MOST, EMBEDDED_MOST));
    form.fill(own.question, own.settings);
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
    pair.clear();
    byId("question").focus();
    return;
  }
  if (wanted.id === store.state.id) return;
  const kept = find(wanted.id);
  form.fill(kept?.question ?? wanted.question, kept?.request);
  pair.open(wanted.id, kept, wanted.question);
}

/** Make room for a new question; a session that is still thinking stays on show. */
function leave() {
  if (!isRunning(store.state)) location.hash = "";
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
  if (id === null) pair.ask(question, request);
  else if (!isRunning(store.state)) session.reconnect();
  else store.dispatch({ type: "page.accepted" });
}

function playAgain() {
  const { state } = store;
  playing.abort();
  playing = new AbortController();
  replay(state, (past) => views.forEach((show) => show(past)), playing.signal);
}

function showInThinking(at) {
  fold.open();
  thinking.reveal(at);
}

/** Ask the same again, and stop when the answer is stable. */
function tryStopping(inARow) {
  const { question, request } = store.state;
  form.fill(question, request);
  form.stopWhenStable(inARow);
  pair.ask(question, { ...(request ?? asked(question)), ...form.settings() });
}

/** A session has its own colours, but beside another it is shown in those of that one. */
function shownColour({ id, colour }) {
  const [main, other] = pair.stores.map(({ state }) => state);
  return id === other.id ? (bestBeside(main, other)?.colour ?? colour) : colour;
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
