// Choosing in a hall: answers that get through bad networks, lists put in order by dragging, screens that
// follow the news. Every page reads and posts without it.
"use strict";

{
const $ = (selector, root = document) => root.querySelector(selector);
const parse = (html) => new DOMParser().parseFromString(html, "text/html").body.firstElementChild;
const wait = (milliseconds) => new Promise((done) => setTimeout(done, milliseconds));

// Answers: sent again until they are stored. The server takes the same answer twice as one. ----------------

const saved = $("[data-saved]");
const unsaved = $("[data-unsaved]");
let waiting = 0;

function tell(words) {
  if (saved) saved.textContent = words;
}

async function send(form, submitter) {
  const body = new URLSearchParams(new FormData(form, submitter));
  tell(saved?.dataset.saving);
  waiting += 1;
  for (let pause = 1000; ; pause = Math.min(pause * 2, 15000)) {
    try {
      const answer = await fetch(form.action, {
        method: "POST", body, headers: { "X-Part": "1" }, redirect: "manual", signal: AbortSignal.timeout(20000),
      });
      if (answer.type === "opaqueredirect") return location.reload();
      if (answer.status < 500 && answer.status !== 429) {
        waiting -= 1;
        if (!waiting && unsaved) unsaved.hidden = true;
        if (answer.ok) tell(saved?.dataset.words);
        return answer;
      }
    } catch {
      // No network: what was tapped is kept and sent again.
    }
    if (unsaved) unsaved.hidden = false;
    await Promise.race([wait(pause), new Promise((done) => addEventListener("online", done, { once: true }))]);
  }
}

addEventListener("beforeunload", (event) => waiting && event.preventDefault());

document.addEventListener("submit", async (event) => {
  const form = event.target.closest("[data-answer]");
  if (!form) return;
  event.preventDefault();
  const card = form.closest("[data-pairing]");
  const answers = form.closest("fieldset");
  const sending = send(form, event.submitter);
  answers.disabled = true;
  event.submitter?.setAttribute("aria-busy", "true");
  const answer = await sending;
  if (!answer) return;
  const fresh = parse(await answer.text());
  if (!fresh?.dataset.pairing) return location.reload();
  card.replaceWith(fresh);
  fresh.focus({ preventScroll: true });
  open();
});

// The order of a list: dragged by a handle that only scripts can use ----------------------------------------

async function keep(list, form) {
  const cards = [...list.querySelectorAll("[data-pairing]:has(.rank-number)")];
  cards.forEach((card, place) => ($(".rank-number", card).value = place + 1));
  const answer = await send(form, null);
  if (answer && !answer.ok) location.reload();
}

function handle(list, form) {
  for (const card of list.querySelectorAll("[data-pairing]:has(.rank-number):not(:has(.rank-handle))")) {
    const grip = document.createElement("span");
    grip.className = "rank-handle";
    grip.setAttribute("aria-hidden", "true");
    grip.textContent = "⠿";
    $(".rank-tools", card).append(grip);
    grip.addEventListener("pointerdown", (down) => {
      down.preventDefault();
      grip.setPointerCapture(down.pointerId);
      card.classList.add("dragged");
      const move = (event) => {
        const over = document.elementFromPoint(event.clientX, event.clientY)?.closest("[data-pairing]");
        if (!over || over === card || over.parentElement !== list || !$(".rank-number", over)) return;
        const { top, height } = over.getBoundingClientRect();
        over[event.clientY < top + height / 2 ? "before" : "after"](card);
      };
      const drop = () => {
        card.classList.remove("dragged");
        grip.removeEventListener("pointermove", move);
        keep(list, form);
      };
      grip.addEventListener("pointermove", move);
      grip.addEventListener("pointerup", drop, { once: true });
      grip.addEventListener("pointercancel", drop, { once: true });
    });
  }
}

function lists() {
  for (const section of document.querySelectorAll("[data-choices]")) {
    const form = $("[data-ranks]", section);
    if (form) handle($("[data-cards]", section), form);
  }
}

// News -------------------------------------------------------------------------------------------------------

function open() {
  lists();
  const stage = $("#hall-stage");
  if (!stage) return;
  for (const answers of document.querySelectorAll("[data-answers]")) answers.disabled = stage.dataset.open !== "yes";
}

// Who looks again does so a little later than others, so that a whole hall does not ask at once. Only cards
// that have changed are put in the place of the old ones, and none that somebody is busy with.
const SPREAD = 1500;

function renew(card, fresh) {
  const busy = $(".choice-no[open]", card) && $("[data-answers]", fresh);
  if (card.dataset.version !== fresh.dataset.version && !busy) card.replaceWith(fresh);
}

// Whoever answered has the new card already, and does not ask for it once more.
function knows(card, version) {
  const has = card.dataset.version.split(" ");
  return version.every((number, place) => +has[place] >= +number);
}

async function look(root, news) {
  const [uid, ...version] = news.split(" ");
  const card = () => document.getElementById(`pairing-${uid}`);
  if (!card()) return;
  await wait(Math.random() * SPREAD);
  if (waiting || !card() || knows(card(), version)) return;
  const asked = new URLSearchParams({ side: $("[name=side]", card())?.value ?? "", ranked: $(".rank-number", card()) ? "yes" : "" });
  const answer = await fetch(`${root.dataset.refresh}/${uid}?${asked}`, { headers: { "X-Part": "1" } }).catch(() => null);
  if (!answer || waiting) return;
  if (!answer.ok) return refresh(root, 0);
  renew(card(), parse(await answer.text()));
  open();
}

async function refresh(root, spread) {
  await wait(Math.random() * spread);
  if (waiting) return;
  const answer = await fetch(root.dataset.refresh).catch(() => null);
  if (!answer?.ok || waiting) return;
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  for (const fresh of page.querySelectorAll("[data-pairing]")) {
    const card = document.getElementById(fresh.id);
    if (!card) return location.reload();
    renew(card, fresh);
  }
  open();
}

const SLOW = 60000;

function follow(root) {
  let after = root.dataset.after;
  let source = null;
  const connection = $("[data-connection]");
  const state = (good) => connection && (connection.textContent = connection.dataset[good ? "good" : "bad"]);
  const hear = (name, act) => source.addEventListener(name, (event) => {
    after = event.lastEventId || after;
    act(event.data);
  });
  const connect = () => {
    source = new EventSource(`${root.dataset.forum}&after=${after}`);
    source.onopen = () => state(true);
    source.onerror = () => {
      state(false);
      if (source.readyState === EventSource.CLOSED) setTimeout(connect, 2000 + Math.random() * 3000);
    };
    hear("put", put);
    hear("gone", (id) => document.getElementById(id)?.remove());
    hear("reload", () => location.reload());
    hear("changed", (news) => look(root, news));
  };
  connect();
  if (!root.dataset.refresh) return;
  setInterval(() => document.hidden || refresh(root, SLOW / 2), SLOW);
  document.addEventListener("visibilitychange", () => document.hidden || refresh(root, 500));
}

function put(html) {
  const fresh = parse(html);
  const old = document.getElementById(fresh.id);
  if (old) {
    old.replaceWith(fresh);
  } else if (fresh.id.startsWith("pair-")) {
    fresh.classList.add("wall-new");
    $("[data-pairs]")?.prepend(fresh);
    $("[data-pairs]")?.scrollTo({ top: 0 });
  }
  if (fresh.id === "hall-stage") open();
  lastNews = Date.now();
}

// Where more pairs came together than the wall has room for, it turns the pages while nothing happens.
const QUIET = 10000;
let lastNews = Date.now();

function turn() {
  const list = $(".wall-pairs");
  if (!list) return;
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches ? "auto" : "smooth";
  const end = list.scrollTop + list.clientHeight >= list.scrollHeight - 4;
  const top = Date.now() - lastNews < QUIET || end ? 0 : list.scrollTop + list.clientHeight * 0.85;
  list.scrollTo({ top, behavior: still });
}

setInterval(turn, QUIET / 2);

// Countdowns by the server's clock ---------------------------------------------------------------------------

const skews = new WeakMap();

function count() {
  for (const clock of document.querySelectorAll("[data-until]")) {
    if (!skews.has(clock)) skews.set(clock, Date.parse(clock.dataset.now) - Date.now());
    const left = Math.max(0, Math.round((Date.parse(clock.dataset.until) - Date.now() - skews.get(clock)) / 1000));
    const [hours, minutes, seconds] = [Math.floor(left / 3600), Math.floor(left / 60) % 60, left % 60];
    const parts = hours ? [hours, minutes, seconds] : [minutes, seconds];
    clock.textContent = parts.map((part, place) => (place ? String(part).padStart(2, "0") : part)).join(":");
    clock.classList.toggle("countdown-low", left <= 60);
  }
}

const root = $("[data-forum]");
if (root) follow(root);
open();
count();
setInterval(count, 1000);
}
