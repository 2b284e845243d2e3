// The showcase: arrow keys turn the pages, a button fills the screen, turns can be dragged into another order.
"use strict";

const show = document.querySelector("[data-show]");
if (show) {
  document.addEventListener("keydown", (event) => {
    if (event.altKey || event.ctrlKey || event.metaKey || event.target.closest("input, textarea, select")) return;
    const way = { ArrowRight: "next", PageDown: "next", ArrowLeft: "prev", PageUp: "prev" }[event.key];
    const link = way && show.querySelector(`a[rel="${way}"]`);
    if (link) {
      event.preventDefault();
      link.click();
    }
  });
  const full = show.querySelector("[data-full-screen]");
  if (document.fullscreenEnabled) {
    full.hidden = false;
    full.addEventListener("click", () => {
      if (document.fullscreenElement) document.exitFullscreen();
      else show.requestFullscreen();
    });
  }
}

const order = document.querySelector("[data-order]");
if (order) {
  let dragged = null;
  let before = null;
  const place = () => [...order.children].indexOf(dragged);
  order.addEventListener("dragstart", (event) => {
    dragged = event.target.closest(".turn");
    before = place();
    event.dataTransfer.effectAllowed = "move";
  });
  order.addEventListener("dragover", (event) => {
    const over = dragged && event.target.closest(".turn");
    if (!over) return;
    event.preventDefault();
    if (over === dragged) return;
    const { top, height } = over.getBoundingClientRect();
    order.insertBefore(dragged, event.clientY > top + height / 2 ? over.nextSibling : over);
  });
  order.addEventListener("drop", (event) => event.preventDefault());
  order.addEventListener("dragend", () => {
    if (place() !== before) order.closest("form").requestSubmit(order.closest("form").querySelector('[value="order"]'));
    dragged = null;
  });
}
