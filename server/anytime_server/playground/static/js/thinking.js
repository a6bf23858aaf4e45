/** The thinking as it streams, with a mark wherever an interim answer was branched off. */

import { spells, words } from "./answers.js";
import { byId, element, flag } from "./dom.js";
import { resumed } from "./phrases.js";
import { isRunning } from "./state.js";

/** Whether there may be thinking to come: a session with a budget of 0 has none. */
const mayThink = (state) => isRunning(state) && state.budget?.granted !== 0;

const NEAR_END_PX = 40;
/** The text stands in blocks of about so many characters, since a browser lays a block out anew whenever it grows. */
const BLOCK = 4000;
/** A block whose line goes on and on ends within the line. */
const LONGEST = 3 * BLOCK;

/**
 * Follows the newest text until the reader scrolls up, and again once the reader is back at the end.
 *
 * @param {HTMLElement} pane
 * @param {HTMLButtonElement} follow brings the reader back
 */
export function createThinking(pane, follow) {
  let session = null;
  let trunk = 0;
  let shown = 0;
  let following = true;
  let block = null;
  let broken = 0;
  const marks = new Map();

  const toEnd = () => {
    pane.scrollTop = pane.scrollHeight;
  };
  pane.addEventListener("scroll", () => {
    following = pane.scrollHeight - pane.scrollTop - pane.clientHeight < NEAR_END_PX;
    follow.hidden = following;
  });
  follow.addEventListener("click", () => {
    following = true;
    toEnd();
    pane.focus({ preventScroll: true });
  });

  function clear(state) {
    session = state.session;
    trunk = state.foremost;
    shown = 0;
    following = true;
    block = null;
    broken = 0;
    follow.hidden = true;
    marks.clear();
    pane.replaceChildren();
  }

  function append(state) {
    for (const { place, make } of [...newMarks(state), ...newBreaks(state)].sort((one, other) => one.place - other.place)) {
      write(state.thinking.slice(shown, place));
      room().node.append(make());
      shown = place;
    }
    write(state.thinking.slice(shown));
    shown = state.thinking.length;
  }

  const newMarks = (state) =>
    Object.entries(state.marks)
      .map(([at, place]) => ({ at: Number(at), place, make: () => newMark(Number(at)) }))
      .filter(({ at, place }) => place >= shown && place <= state.thinking.length && !marks.has(at))
      .sort((one, other) => one.at - other.at);

  const newBreaks = (state) => {
    const found = state.breaks.slice(broken);
    broken = state.breaks.length;
    return found.map((each) => ({ ...each, make: () => element("div", { class: "resumed" }, resumed(each)) }));
  };

  /** Add text; a block that is full ends with its next line, or else its next word. */
  function write(text) {
    if (text === "") return;
    const newest = room();
    const ends = [after("\n", text, BLOCK - newest.length), after(" ", text, LONGEST - newest.length)];
    const end = Math.min(...ends.filter((place) => place > 0));
    const here = text.slice(0, end);
    newest.node.append(here);
    newest.length += here.length;
    if (end !== Infinity) block = null;
    write(text.slice(here.length));
  }

  /** The block that takes what comes next. */
  function room() {
    if (block === null) {
      block = { node: element("div"), length: 0 };
      pane.append(block.node);
    }
    return block;
  }

  function newMark(at) {
    const node = element("span", { class: "mark", "data-waiting": true });
    marks.set(at, node);
    return node;
  }

  function label(state) {
    for (const spell of spells(state)) {
      for (const point of spell.points) {
        const node = marks.get(point.at);
        if (!node?.hasAttribute("data-waiting")) continue;
        node.className = `mark ${spell.colour}`;
        node.textContent = words(point);
        node.title = `Interim answer at ${point.at} tokens`;
        flag(node, "waiting", false);
      }
    }
  }

  return {
    render(state) {
      if (state.session !== session || state.foremost !== trunk || state.thinking.length < shown) clear(state);
      byId("thinking-card").hidden = state.thinking === "" && !mayThink(state);
      byId("thinking-cut").hidden = !state.cut;
      append(state);
      label(state);
      if (following) toEnd();
    },
    /** Bring the mark of a checkpoint into sight. */
    reveal(at) {
      following = false;
      marks.get(at)?.scrollIntoView({ block: "center", behavior: "smooth" });
    },
    /** Light up the mark of a checkpoint. */
    point(at) {
      for (const [place, node] of marks) flag(node, "lit", place === at);
    },
  };
}

/** Return the place behind the next `sign` of `text` from `from` on, or 0. */
function after(sign, text, from) {
  return text.indexOf(sign, Math.max(0, from)) + 1;
}
