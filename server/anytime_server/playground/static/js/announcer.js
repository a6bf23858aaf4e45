/** Tells a screen reader what a sighted reader sees: a new answer, and the end. Not every delta. */

import { best, spells } from "./answers.js";
import { byId } from "./dom.js";
import { percent, phase } from "./phrases.js";
import { isRunning } from "./state.js";

export function createAnnouncer() {
  let session = null;
  let told = 0;
  let ended = true;
  let connection = "open";

  return (state) => {
    if (state.session !== session) [session, told, ended] = [state.session, 0, !isRunning(state)];
    if (state.connection !== connection) {
      connection = state.connection;
      if (connection === "reconnecting") say(phase(state));
    }
    const standing = spells(state);
    if (isRunning(state)) {
      ended = false;
      if (standing.length > told) say(newAnswer(standing.at(-1)));
      told = standing.length;
    } else if (!ended) {
      ended = true;
      const answer = best(state);
      say(answer ? `${phase(state)}. Answer: ${answer.words}` : phase(state));
    }
  };
}

const newAnswer = ({ from, words, points }) =>
  `Interim answer at ${from} tokens: ${words}, ${percent(points[0].confidence)} sure`;

/** Tell a screen reader something now. */
export function say(text) {
  byId("announcer").textContent = text;
}
