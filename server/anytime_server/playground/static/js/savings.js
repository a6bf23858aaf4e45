/** What stopping earlier would have saved. Pure functions of a session that has ended. */

import { best, spells } from "./answers.js";
import { inAll } from "./each.js";
import { NEUTRAL } from "./palette.js";

/** So many equal answers in a row are what the page proposes. */
export const IN_A_ROW = 3;

/** Less than this share of the thinking is not worth a line. */
const LEAST_SHARE = 0.05;

/**
 * Where `stop_when: {"stable": 3}` would have ended the thinking.
 *
 * @returns {{at: number, saved: number, share: number, words: string, same: boolean}|null} tokens of thinking; `same`:
 *   whether the answer there is the answer in the end; null if there is nothing to say
 */
export function savings(state) {
  const { document, budget, request } = state;
  if (document?.status !== "completed" || request?.stop_when !== undefined || !budget?.spent) return null;
  const spell = spells(state).find(({ points }) => points.some(isStable));
  if (!spell) return null;
  const at = inAll(state, spell.points.find(isStable).at);
  const saved = budget.spent - at;
  if (saved / budget.spent < LEAST_SHARE) return null;
  const { words, colour } = best(state);
  const equal = same(spell, words, colour);
  // Of answers without a value nobody can say that they differ.
  if (!equal && colour === NEUTRAL) return null;
  return { at, saved, share: saved / budget.spent, words: spell.words, same: equal };
}

const isStable = ({ stable_for: equal }) => equal >= IN_A_ROW;

const same = (spell, words, colour) => spell.words === words || (spell.colour === colour && colour !== NEUTRAL);
