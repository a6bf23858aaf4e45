/** Model text as Markdown with math. It is never trusted: HTML in it shows as text, and all passes the sanitizer. */

import DOMPurify from "../vendor/dompurify-3.4.18/purify.es.mjs";
import { Marked } from "../vendor/marked-18.2.1/marked.esm.js";
import { copy } from "./clipboard.js";
import { element } from "./dom.js";

/** What a formula may begin with. Only there, and only so far ahead, its end is looked for: a model may repeat itself. */
const MATH_BEGIN = /\$|\\[[(]|\\boxed\{/;
const MATH =
  /^(?:\$\$([\s\S]{1,4000}?)\$\$|\\\[([\s\S]{1,4000}?)\\\]|\\\(([\s\S]{1,4000}?)\\\)|\$([^\s$](?:[^$\n]{0,4000}[^\s$])?)\$(?!\d)|(\\boxed\{(?:[^{}]|\{[^{}]*\}){0,4000}\}))/;
/** What goes in the direction of its own first letter: right to left in Arabic or Hebrew. */
const BLOCKS = "p, ul, ol, blockquote, table, h1, h2, h3, h4, h5, h6";
const CLEAN = {
  USE_PROFILES: { html: true },
  FORBID_TAGS: ["style", "form", "input", "button", "img", "video", "audio", "picture"],
  FORBID_ATTR: ["style", "id", "name"],
  RETURN_DOM_FRAGMENT: true,
};

const marked = new Marked({
  breaks: true,
  gfm: true,
  renderer: { html: ({ text }) => escape(text) },
  extensions: [
    {
      name: "math",
      level: "inline",
      start: (text) => text.match(MATH_BEGIN)?.index,
      tokenizer(text) {
        const found = MATH.exec(text);
        if (found === null) return undefined;
        const [raw, dollars, brackets, parens, dollar, boxed] = found;
        return {
          type: "math",
          raw,
          display: Boolean(dollars ?? brackets),
          tex: dollars ?? brackets ?? parens ?? dollar ?? boxed,
        };
      },
      renderer: ({ tex, display }) => `<code class="math" data-display="${display}">${escape(tex)}</code>`,
    },
  ],
});

const escape = (text) => text.replace(/[&<>"]/g, (character) => `&#${character.charCodeAt(0)};`);

/** Render text into `node`, and be done once its math is set; until the library for it is there its source shows. */
export async function renderProse(node, text) {
  const fragment = DOMPurify.sanitize(marked.parse(text), CLEAN);
  for (const link of fragment.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  for (const block of fragment.querySelectorAll(BLOCKS)) block.dir = "auto";
  for (const block of fragment.querySelectorAll("pre")) addCopy(block);
  node.replaceChildren(fragment);
  const formulas = node.querySelectorAll("code.math");
  if (formulas.length > 0) await setMath(formulas);
}

function addCopy(block) {
  const { textContent: code } = block;
  const button = element("button", { class: "secondary small copy-code", type: "button" }, "Copy");
  button.addEventListener("click", () => copy(code, "Code copied"));
  const frame = element("div", { class: "code" });
  block.replaceWith(frame);
  block.tabIndex = 0; // It scrolls sideways, also for who has no pointer.
  frame.append(block, button);
}

async function setMath(formulas) {
  const { default: temml } = await import("../vendor/temml-0.13.5/temml.mjs");
  for (const code of formulas) {
    const math = document.createElement("span");
    temml.render(code.textContent, math, {
      displayMode: code.dataset.display === "true",
      throwOnError: false,
      trust: false,
    });
    code.replaceWith(math);
  }
}
