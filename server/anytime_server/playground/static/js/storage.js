/**
 * The browser's storage. Where cookies are blocked even to name it throws; then the page keeps things until it closes.
 *
 * `setItem` returns whether there was room.
 */

export const local = storage("localStorage");
export const session = storage("sessionStorage");

function storage(name) {
  try {
    return window[name] ? wrapped(window[name]) : memory();
  } catch {
    return memory();
  }
}

function wrapped(area) {
  return {
    getItem: (key) => area.getItem(key),
    setItem(key, value) {
      try {
        area.setItem(key, value);
        return true;
      } catch (error) {
        if (error.name !== "QuotaExceededError") throw error;
        return false;
      }
    },
    removeItem: (key) => area.removeItem(key),
    keys: () => Object.keys(area),
  };
}

function memory() {
  const kept = new Map();
  return {
    getItem: (key) => kept.get(key) ?? null,
    setItem(key, value) {
      kept.set(key, value);
      return true;
    },
    removeItem: (key) => kept.delete(key),
    keys: () => [...kept.keys()],
  };
}
