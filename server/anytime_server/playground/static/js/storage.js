/** The browser's storage. Where cookies are blocked even to name it throws; then the page keeps things until it closes. */

export const local = storage("localStorage");
export const session = storage("sessionStorage");

function storage(name) {
  try {
    return window[name] ?? memory();
  } catch {
    return memory();
  }
}

function memory() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem: (key, value) => kept.set(key, value),
    removeItem: (key) => kept.delete(key),
  };
}
