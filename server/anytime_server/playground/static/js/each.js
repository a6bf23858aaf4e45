/**
 * How long a thought is. One has the whole budget; several share it, and each is as long as its share. Checkpoints are
 * lengths of each thought, and the budget counts all of them. Pure functions.
 */

/** How many thoughts the session has. */
export const thoughts = ({ request, document, trunks }) =>
  request?.trunks ?? document?.trunks?.length ?? (Object.keys(trunks ?? {}).length || 1);

/**
 * The most that a thought may have, and what the longest has.
 *
 * @returns {{granted: number, spent: number}} thinking tokens
 */
export function ofEach(state) {
  const { granted = 0, spent = 0 } = state.budget ?? {};
  const count = thoughts(state);
  if (count === 1) return { granted, spent };
  const known = state.document?.trunks ?? Object.values(state.trunks ?? {});
  const lengths = known.length > 0 ? known.map((trunk) => trunk.spent) : [Math.ceil(spent / count)];
  const longest = Math.max(...lengths, state.checkpoints.at(-1)?.at ?? 0);
  return { granted: Math.max(Math.ceil(granted / count), longest), spent: longest };
}

/** What all thoughts had spent when each was at most `at` tokens long. */
export function inAll(state, at) {
  const known = state.document?.trunks;
  if (!known) return at * thoughts(state);
  return known.reduce((sum, trunk) => sum + Math.min(at, trunk.spent), 0);
}
