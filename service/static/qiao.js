// Small comforts. Every page reads and posts without them.
"use strict";

const find = (selector) => [...document.querySelectorAll(selector)];

function themeSwitches() {
  const dark = () => {
    const chosen = document.documentElement.dataset.theme;
    return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  };
  for (const button of find("[data-theme-switch]")) {
    button.hidden = false;
    button.setAttribute("aria-pressed", dark());
    button.addEventListener("click", () => {
      const theme = dark() ? "light" : "dark";
      document.documentElement.dataset.theme = theme;
      document.cookie = `qiao_theme=${theme}; path=/; max-age=31536000; samesite=lax`;
      document.querySelector('meta[name="color-scheme"]').content = theme;
      button.setAttribute("aria-pressed", theme === "dark");
    });
  }
}

function menus() {
  const close = (except) => find("details[data-menu][open]").forEach((menu) => menu !== except && (menu.open = false));
  document.addEventListener("click", (event) => close(event.target.closest("details[data-menu]")));
  document.addEventListener("keydown", (event) => {
    if (event.key !== "Escape") return;
    const menu = document.querySelector("details[data-menu][open]");
    if (menu) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  });
}

function reveal(button) {
  const input = document.getElementById(button.dataset.reveal);
  button.hidden = false;
  button.addEventListener("click", () => {
    const shown = input.type === "text";
    input.type = shown ? "password" : "text";
    button.setAttribute("aria-pressed", !shown);
  });
}

// "At most 200 characters." becomes "At most 200 characters. (37)", red when nearly full.
function counter(note) {
  const input = document.getElementById(note.dataset.limitFor);
  const limit = Number(note.dataset.limit);
  const words = note.textContent;
  const count = () => {
    const length = input.value.length;
    note.textContent = length ? `${words} (${length.toLocaleString(document.documentElement.lang)})` : words;
    note.classList.toggle("limit-low", limit - length < limit / 20);
  };
  input.addEventListener("input", count);
  count();
}

// <form data-autosave="/address">: posted there a moment after typing stops; data-autosave-into="#place" shows
// what is answered.
function autosave(form) {
  const state = form.querySelector("[data-autosave-state]");
  const tell = (what) => state && (state.textContent = state.dataset[what] || "");
  let timer = 0;
  let running = null;
  let sending = false;
  const save = async () => {
    if (sending) return;
    running?.abort();
    running = new AbortController();
    const body = new URLSearchParams();
    for (const [name, value] of new FormData(form)) if (typeof value === "string") body.append(name, value);
    tell("saving");
    try {
      const answer = await fetch(form.dataset.autosave, {
        method: "POST", body, signal: running.signal, headers: { "X-Autosave": "1" },
      });
      const kept = answer.ok && !answer.redirected;
      tell(kept ? "saved" : "failed");
      const into = kept && form.dataset.autosaveInto && document.querySelector(form.dataset.autosaveInto);
      if (into) into.innerHTML = await answer.text();
    } catch (problem) {
      if (problem.name !== "AbortError") tell("failed");
    }
  };
  const soon = () => {
    clearTimeout(timer);
    timer = setTimeout(save, 1200);
  };
  form.addEventListener("input", soon);
  form.addEventListener("change", soon);
  form.addEventListener("submit", () => {
    sending = true;
    clearTimeout(timer);
    running?.abort();
  });
}

// <… data-countdown="moment">: in the last day, the time left runs by the second.
function countdown(shown) {
  const ends = Date.parse(shown.dataset.countdown);
  const words = shown.textContent;
  const tick = () => {
    const left = Math.round((ends - Date.now()) / 1000);
    if (left < 0) return clearInterval(timer);
    const parts = [left / 3600, (left / 60) % 60, left % 60].map((part) => String(Math.floor(part)).padStart(2, "0"));
    shown.textContent = left < 86400 ? parts.join(":") : words;
  };
  const timer = setInterval(tick, 1000);
  tick();
}

const prepared = new WeakSet();

function each(selector, prepare) {
  for (const element of find(selector)) {
    if (prepared.has(element)) continue;
    prepared.add(element);
    prepare(element);
  }
}

// Everything on the page that is new, at first and whenever a part of it was replaced.
function prepare() {
  each("[data-reveal]", reveal);
  each("[data-limit-for]", counter);
  each("form[data-autosave]", autosave);
  each("[data-countdown]", countdown);
  each("input[data-time-zone]", (input) => {
    input.value ||= Intl.DateTimeFormat().resolvedOptions().timeZone || "";
  });
  each("details[data-filters]", (filters) => {
    filters.open ||= matchMedia("(min-width: 64rem)").matches;
  });
}

document.addEventListener("click", (event) => {
  const grave = event.target.closest("[data-confirm]");
  if (grave && !confirm(grave.dataset.confirm)) event.preventDefault();
}, true);

document.addEventListener("htmx:after:swap", prepare);

// Where a line of phases or tabs scrolls sideways, the one that is here is in view from the beginning.
function hereInView() {
  for (const line of document.querySelectorAll(".phase-line, .tab-line, .tab-line > ul")) {
    const here = line.querySelector("[aria-current]")?.getBoundingClientRect();
    if (!here || line.scrollWidth <= line.clientWidth) continue;
    const { left, width } = line.getBoundingClientRect();
    line.scrollLeft += here.left - left - (width - here.width) / 2;
  }
}

themeSwitches();
menus();
prepare();
hereInView();
document.querySelector("[data-focus]")?.focus();
if (document.querySelector("[data-done]")) {
  const address = new URL(location);
  address.searchParams.delete("done");
  history.replaceState(history.state, "", address);
}
