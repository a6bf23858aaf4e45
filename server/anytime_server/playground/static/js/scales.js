/** Numbers to positions. Pure functions. */

/** Linear map of [from, to] onto [start, end]. */
export const linear = (from, to, start, end) => (value) =>
  to === from ? start : start + ((value - from) / (to - from)) * (end - start);

/** Round steps (1, 2 or 5 times a power of ten) from 0 to `most`, about `count` of them. */
export function ticks(most, count) {
  const raw = most / Math.max(1, count);
  const power = 10 ** Math.floor(Math.log10(raw || 1));
  const step = Math.max(1, [1, 2, 5, 10].find((factor) => factor * power >= raw) * power);
  return Array.from({ length: Math.floor(most / step) + 1 }, (_, index) => index * step);
}

const SLIDER_END = 1000;
const LINEAR_UP_TO = 1024;
const LOG_FROM = 16;

/**
 * The budget slider: even steps for a small range, equal ratios for a large one. Its left end is 0.
 *
 * @param {number} most tokens at its right end
 * @returns {{toBudget: (position: number) => number, toPosition: (budget: number) => number}} positions are 0..1000
 */
export function budgetScale(most) {
  if (most <= LINEAR_UP_TO) {
    return {
      toBudget: (position) => Math.round((position / SLIDER_END) * most),
      toPosition: (budget) => Math.round((Math.min(budget, most) / most) * SLIDER_END),
    };
  }
  const ratio = Math.log(most / LOG_FROM);
  return {
    toBudget: (position) =>
      position <= 0 ? 0 : position >= SLIDER_END ? most : rounded(LOG_FROM * Math.exp((position / SLIDER_END) * ratio)),
    toPosition: (budget) =>
      budget <= 0 ? 0 : Math.max(1, Math.round((Math.log(Math.min(budget, most) / LOG_FROM) / ratio) * SLIDER_END)),
  };
}

/** To two digits, and a half: 1234 becomes 1250. */
function rounded(value) {
  const unit = 10 ** Math.max(0, Math.floor(Math.log10(value)) - 1) / 2;
  return Math.round(Math.round(value / Math.max(1, unit)) * Math.max(1, unit));
}
