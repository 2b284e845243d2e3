// The weighted total of a review, as points are given.
"use strict";

for (const form of document.querySelectorAll("form[data-weigh]")) {
  const output = form.querySelector("[data-total]");
  const show = () => {
    let total = 0;
    for (const criterion of form.querySelectorAll("[data-weight]")) {
      const chosen = criterion.querySelector("input:checked");
      if (chosen) total += (Number(criterion.dataset.weight) * Number(chosen.value)) / 10;
    }
    output.textContent = total.toLocaleString(document.documentElement.lang, { maximumFractionDigits: 1 });
  };
  form.addEventListener("change", show);
  show();
}
