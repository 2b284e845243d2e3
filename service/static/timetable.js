// Moving meetings by dragging. Without it a meeting is moved by its arrows and a button.
"use strict";

const desk = () => document.getElementById("desk");

function mark(cells, clashes, dragged) {
  for (const cell of cells) {
    const told = clashes[cell.dataset.slot];
    const there = cell.querySelector("[data-pairing]");
    if (there === dragged) continue;
    cell.classList.toggle("slot-cell-fits", !told.length);
    cell.classList.toggle("slot-cell-clash", told.length > 0);
    cell.title = told.join(" ");
  }
}

function clear() {
  for (const cell of desk().querySelectorAll(".slot-cell")) {
    cell.classList.remove("slot-cell-fits", "slot-cell-clash");
    cell.removeAttribute("title");
  }
}

async function put(pairing, cell) {
  const body = new URLSearchParams({ pairing, slot: cell.dataset.slot, table: cell.dataset.table });
  if (cell.querySelector("[data-pairing]")) body.set("swap", "yes");
  const answer = await fetch(`${desk().dataset.timetable}/place`, { method: "POST", body });
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const renewed = page.getElementById("desk");
  if (!renewed) return location.reload();
  desk().replaceWith(renewed);
  if (!answer.ok) renewed.querySelector(".notice-error")?.scrollIntoView({ block: "nearest" });
}

let dragged = null;

document.addEventListener("dragstart", async (event) => {
  dragged = event.target.closest?.("[draggable][data-pairing]");
  if (!dragged) return;
  event.dataTransfer.effectAllowed = "move";
  event.dataTransfer.setData("text/plain", dragged.dataset.pairing);
  const answer = await fetch(`${desk().dataset.timetable}/places/${dragged.dataset.pairing}`);
  if (answer.ok && dragged) mark(desk().querySelectorAll(".slot-cell"), await answer.json(), dragged);
});

document.addEventListener("dragover", (event) => {
  const cell = dragged && event.target.closest?.(".slot-cell");
  if (!cell) return;
  event.preventDefault();
  const told = desk().querySelector("[data-told]");
  told.textContent = cell.title;
  told.hidden = !cell.title;
});

document.addEventListener("drop", (event) => {
  const cell = dragged && event.target.closest?.(".slot-cell");
  if (!cell) return;
  event.preventDefault();
  put(dragged.dataset.pairing, cell);
});

document.addEventListener("dragend", () => {
  dragged = null;
  clear();
  desk().querySelector("[data-told]").hidden = true;
});
