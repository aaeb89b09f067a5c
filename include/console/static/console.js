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

// On a narrow screen the navigation is wider than its place: the page that is shown is in sight.
document.addEventListener("DOMContentLoaded", () => {
  const here = document.querySelector(".top nav a[aria-current]");
  if (here) {
    const nav = here.closest("nav");
    nav.scrollLeft = here.offsetLeft + here.offsetWidth / 2 - nav.clientWidth / 2;
  }
});

document.addEventListener("change", (event) => {
  const name = event.target.dataset && event.target.dataset.all;
  if (name) {
    for (const box of event.target.form.querySelectorAll(`input[name="${name}"]`)) {
      box.checked = event.target.checked;
    }
  }
});
