"use strict";
const box = document.getElementById("filter");
const cards = [...document.querySelectorAll("[data-card]")];
const found = document.getElementById("found");
const fold = (text) => text.normalize("NFKC").toLowerCase();
const texts = cards.map((card) => fold(card.textContent));
box.parentElement.hidden = false;
box.addEventListener("input", () => {
  const words = fold(box.value).split(/\s+/).filter(Boolean);
  let shown = 0;
  cards.forEach((card, number) => {
    const fits = words.every((word) => texts[number].includes(word));
    card.hidden = !fits;
    shown += fits ? 1 : 0;
  });
  found.textContent = `${shown} / ${cards.length}`;
});
