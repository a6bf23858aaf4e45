/* Dark, light, or as the system says. A classic script in the head, so that the first paint has the right colours. */
(() => {
  const key = "anytime.theme";
  const names = { system: "System", light: "Light", dark: "Dark" };
  const order = Object.keys(names);
  const root = document.documentElement;
  let theme = order.includes(stored()) ? stored() : "system";

  // Where cookies are blocked even to name the storage throws; then the choice lasts until the page closes.
  function stored() {
    try {
      return localStorage.getItem(key);
    } catch {
      return null;
    }
  }

  function store() {
    try {
      localStorage.setItem(key, theme);
    } catch {}
  }

  function apply() {
    if (theme === "system") delete root.dataset.theme;
    else root.dataset.theme = theme;
  }

  function bind() {
    const button = document.getElementById("theme");
    const show = () => {
      document.getElementById("theme-name").textContent = names[theme];
      button.setAttribute("aria-label", `Colours: ${names[theme]}`);
    };
    button.addEventListener("click", () => {
      theme = order[(order.indexOf(theme) + 1) % order.length];
      store();
      apply();
      show();
    });
    show();
  }

  apply();
  document.addEventListener("DOMContentLoaded", bind);
})();
