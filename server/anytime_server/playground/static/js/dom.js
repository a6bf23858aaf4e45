/** Small helpers to find and make elements. Text goes in as text nodes, so no string is ever read as markup. */

/** @param {string} id */
export const byId = (id) => document.getElementById(id);

/** Make an HTML element; properties are set as attributes, `null` and `false` leave one out. */
export function element(name, attributes = {}, ...children) {
  return fill(document.createElement(name), attributes, children);
}

/** Make an SVG element. */
export function svg(name, attributes = {}, ...children) {
  return fill(document.createElementNS("http://www.w3.org/2000/svg", name), attributes, children);
}

function fill(node, attributes, children) {
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) node.setAttribute(name, value === true ? "" : String(value));
  }
  node.append(...children);
  return node;
}

/** Set or remove a data attribute. */
export function flag(node, name, on) {
  node.toggleAttribute(`data-${name}`, Boolean(on));
}
