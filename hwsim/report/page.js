"use strict";
(function () {
  const figures = JSON.parse(document.getElementById("figures").textContent);
  const narrow = 700;
  const options = { responsive: true, displayModeBar: false };
  let shown = 0;

  // on a phone names beside points would cover each other: a legend below takes their place
  function fitted(figure) {
    const layout = JSON.parse(JSON.stringify(figure.layout));
    if (window.innerWidth < narrow) {
      layout.margin = Object.assign({}, layout.margin, { l: 40, r: 8 });
      layout.font.size = 11;
      if (layout.annotations) {
        layout.annotations = [];
        layout.showlegend = true;
      }
      layout.height += 16 * figure.data.length;
    }
    return layout;
  }

  function draw() {
    for (const place of document.querySelectorAll("[data-figure]")) {
      const name = place.dataset.figure;
      const figure = figures[shown][name];
      place.closest("[data-if-figure]").hidden = !figure;
      if (!figure) continue;
      // Plotly writes into what it is given; the page's own data stay as they are
      Plotly.newPlot(place, JSON.parse(JSON.stringify(figure.data)), fitted(figure), options);
    }
  }

  function show(index) {
    shown = index;
    for (const part of document.querySelectorAll("[data-table]")) part.hidden = Number(part.dataset.table) !== index;
    for (const button of document.querySelectorAll("[data-choose]")) {
      button.setAttribute("aria-pressed", String(Number(button.dataset.choose) === index));
    }
    draw();
  }

  for (const button of document.querySelectorAll("[data-choose]")) {
    button.addEventListener("click", () => show(Number(button.dataset.choose)));
  }
  let wasNarrow = window.innerWidth < narrow;
  window.addEventListener("resize", () => {
    const isNarrow = window.innerWidth < narrow;
    if (isNarrow !== wasNarrow) draw();
    wasNarrow = isNarrow;
  });
  show(0);
})();
