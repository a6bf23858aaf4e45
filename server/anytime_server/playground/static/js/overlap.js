/** How much of a text stands in another: for answers that are sentences, of which no two are ever quite the same. */

/** The share of words that two texts have in common (Dice's coefficient of their words, each as often as it stands). */
export function kept(before, after) {
  const left = counted(before);
  const words = wordsOf(after);
  let shared = 0;
  for (const word of words) {
    const rest = left.get(word) ?? 0;
    if (rest > 0) shared += 1;
    left.set(word, rest - 1);
  }
  const both = wordsOf(before).length + words.length;
  return both === 0 ? 1 : (2 * shared) / both;
}

const wordsOf = (text) => text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];

function counted(text) {
  const counts = new Map();
  for (const word of wordsOf(text)) counts.set(word, (counts.get(word) ?? 0) + 1);
  return counts;
}
