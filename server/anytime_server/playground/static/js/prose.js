/** Model text as Markdown with math. It is never trusted: HTML in it shows as text, and all passes the sanitizer. */

import DOMPurify from "../vendor/dompurify-3.4.18/purify.es.mjs";
import { Marked } from "../vendor/marked-18.2.1/marked.esm.js";

const MATH =
  /\$\$([\s\S]+?)\$\$|\\\[([\s\S]+?)\\\]|\\\(([\s\S]+?)\\\)|\$([^\s$](?:[^$\n]*[^\s$])?)\$(?!\d)|(\\boxed\{(?:[^{}]|\{[^{}]*\})*\})/;
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
      start: (text) => text.match(MATH)?.index,
      tokenizer(text) {
        const found = MATH.exec(text);
        if (found?.index !== 0) return undefined;
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

/** Render text into `node`. Math is set once the library for it is there; until then its source shows. */
export function renderProse(node, text) {
  const fragment = DOMPurify.sanitize(marked.parse(text), CLEAN);
  for (const link of fragment.querySelectorAll("a[href]")) {
    link.target = "_blank";
    link.rel = "noopener noreferrer";
  }
  node.replaceChildren(fragment);
  const formulas = node.querySelectorAll("code.math");
  if (formulas.length > 0) setMath(formulas);
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
