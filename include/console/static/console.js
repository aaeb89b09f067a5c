// Light or dark as Airflow is (it keeps its choice under "theme"), before anything is drawn. All else works without this.
"use strict";

const wear = () => {
  let theme = "";
  try {
    theme = localStorage.getItem("theme") || "";
  } catch {
    // Storage is closed to us: what the browser prefers holds.
  }
  if (theme === "dark" || theme === "light") {
    document.documentElement.dataset.theme = theme;
  } else {
    delete document.documentElement.dataset.theme;
  }
};
wear();
window.addEventListener("storage", wear);

document.addEventListener("change", (event) => {
  const name = event.target.dataset && event.target.dataset.all;
  if (name) {
    for (const box of event.target.form.querySelectorAll(`input[name="${name}"]`)) {
      box.checked = event.target.checked;
    }
  }
});
