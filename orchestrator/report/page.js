"use strict";
(() => {
  // What a mark says is what the row of its trial says: the page holds each figure once.
  const tip = document.createElement("div");
  tip.id = "tip";
  document.body.append(tip);
  const heads = [...document.querySelectorAll(".trials thead th")].map((head) => head.textContent);

  function fill(number) {
    const row = document.getElementById("t" + number);
    const list = document.createElement("dl");
    const cells = row ? [...row.cells].map((cell) => cell.textContent) : [number];
    cells.forEach((text, index) => {
      if (!text) return;
      const name = document.createElement("dt");
      const value = document.createElement("dd");
      name.textContent = heads[index] ?? "trial";
      value.textContent = text;
      list.append(name, value);
    });
    tip.replaceChildren(list);
  }

  function place(x, y) {
    tip.style.display = "block";
    const box = tip.getBoundingClientRect();
    tip.style.left = Math.max(8, Math.min(x + 14, innerWidth - box.width - 8)) + "px";
    tip.style.top = (y + box.height + 24 > innerHeight ? Math.max(8, y - box.height - 12) : y + 14) + "px";
  }

  let lit = [];
  function light(number) {
    for (const mark of lit) mark.classList.remove("on");
    lit = number === null ? [] : [...document.querySelectorAll(`[data-t="${number}"], #t${number}`)];
    for (const mark of lit) mark.classList.add("on");
  }

  function show(mark, x, y) {
    light(mark.dataset.t);
    fill(mark.dataset.t);
    place(x, y);
  }

  function hide() {
    light(null);
    tip.style.display = "none";
  }

  for (const chart of document.querySelectorAll("figure > svg")) {
    chart.addEventListener("pointermove", (event) => {
      const mark = event.target.closest("[data-t]");
      if (mark) show(mark, event.clientX, event.clientY);
      else hide();
    });
    chart.addEventListener("pointerleave", hide);
    chart.addEventListener("focusin", (event) => {
      const mark = event.target.closest("[data-t]");
      if (!mark) return;
      const box = mark.querySelector("use").getBoundingClientRect();
      show(mark, box.right, box.bottom);
    });
    chart.addEventListener("focusout", hide);

    // A chart is one stop of the tab key; arrows go from mark to mark, in the order of the front.
    const marks = [...chart.querySelectorAll(".m")].reverse();
    marks.forEach((mark, index) => mark.setAttribute("tabindex", index ? "-1" : "0"));
    chart.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
      const seen = marks.filter((mark) => getComputedStyle(mark).display !== "none");
      const next = step && seen[seen.indexOf(document.activeElement) + step];
      if (!next) return;
      event.preventDefault();
      next.focus();
    });
  }
  addEventListener("keydown", (event) => event.key === "Escape" && hide());
  addEventListener("scroll", hide, { passive: true });

  // Tables: a click on a heading sorts by it, once more turns the order round.
  const number = (cell) => parseFloat(cell.textContent.replace(/[≈,\s]/g, ""));
  for (const head of document.querySelectorAll(":is(.front, .trials) thead th")) {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    button.addEventListener("click", () => {
      const turned = head.getAttribute("aria-sort") === "ascending";
      for (const other of head.parentElement.cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", turned ? "descending" : "ascending");
      const sign = turned ? -1 : 1;
      const body = head.closest("table").tBodies[0];
      const compare = (a, b) => {
        const [one, two] = [a.cells[head.cellIndex], b.cells[head.cellIndex]];
        const [x, y] = [number(one), number(two)];
        if (Number.isNaN(x) || Number.isNaN(y)) {
          if (Number.isNaN(x) !== Number.isNaN(y)) return Number.isNaN(x) ? 1 : -1; // what has no figure stays below
          return sign * one.textContent.localeCompare(two.textContent);
        }
        return sign * (x - y);
      };
      body.append(...[...body.rows].sort(compare));
    });
  }

  addEventListener("beforeprint", () => {
    for (const part of document.querySelectorAll("details")) part.open = true;
  });
})();
