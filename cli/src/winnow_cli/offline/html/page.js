"use strict";
// The page says all without this: it adds a reading of any moment, and the way from there to the picture.
const data = id => JSON.parse(document.getElementById(id).textContent);
const reasons = data("reasons-data");
const [MS, REASON, BESIDE, INDEX] = [0, 1, 2, 3];

for (const timeline of document.querySelectorAll(".timeline")) {
  const camera = timeline.dataset.camera;
  const { first, span, rows } = data(`frames-${camera}`);
  const readout = timeline.querySelector(".readout");
  const cursor = timeline.appendChild(document.createElement("div"));
  cursor.className = "cursor";
  cursor.hidden = true;
  let current = 0;

  const byReason = reasons.map(() => []);
  rows.forEach((row, place) => byReason[row[REASON]].push(place));
  const all = rows.map((_, place) => place);
  for (const places of [all, ...byReason]) places.sort((a, b) => rows[a][MS] - rows[b][MS]);

  // Of places in the order of time, the one nearest to a moment.
  const nearest = (places, ms) => {
    let low = 0, high = places.length - 1;
    while (low < high) {
      const middle = (low + high) >> 1;
      if (rows[places[middle]][MS] < ms) low = middle + 1; else high = middle;
    }
    const before = places[Math.max(0, low - 1)];
    return ms - rows[before][MS] < rows[places[low]][MS] - ms ? before : places[low];
  };
  const plot = () => timeline.querySelector(".plot").getBoundingClientRect();
  const at = event => {
    const { left, width } = plot();
    const lane = event.target.closest(".row[data-reason]");
    return nearest(lane ? byReason[lane.dataset.reason] : all, (event.clientX - left) / width * span);
  };
  const time = ms => new Date(first + ms).toISOString().slice(11, 21);
  const show = place => {
    const [ms, reason, beside, index, residual, mostResidual, cell, mostCell, cosine, mostCosine, quality] = rows[place];
    const { left, width } = plot();
    cursor.style.left = `${left - timeline.getBoundingClientRect().left + (span ? ms / span : 0) * width}px`;
    cursor.hidden = false;
    current = place;
    const against = (label, value, most) => value === null || most === null ? "" : `, ${label} ${value} ${value <= most ? "≤" : ">"} ${most}`;
    const like = beside < 0 || beside === place ? "" : `, nearest kept ${time(rows[beside][MS])}`;
    readout.textContent = `${time(ms)}, frame ${index}: ${reasons[reason].replaceAll("_", " ")}`
      + (quality ? `, ${quality}` : against("residual", residual, mostResidual) + against("one cell", cell, mostCell) + against("cosine", cosine, mostCosine)) + like;
  };
  // Its picture where it is shown, else the kept frame that it stands beside.
  const jump = place => {
    const shown = document.getElementById(`c${camera}f${place}`) ?? document.getElementById(`c${camera}f${rows[place][BESIDE]}`);
    if (!shown) return;
    document.querySelectorAll(".found").forEach(other => other.classList.remove("found"));
    document.getElementById(`show-${rows[place][REASON]}`).checked = true;
    shown.classList.add("found");
    shown.scrollIntoView({ block: "center" });
  };
  timeline.addEventListener("pointermove", event => show(at(event)));
  timeline.addEventListener("click", event => { event.preventDefault(); show(at(event)); jump(current); });
  timeline.tabIndex = 0;
  timeline.addEventListener("keydown", event => {
    const step = { ArrowLeft: -1, ArrowRight: 1, PageUp: -25, PageDown: 25 }[event.key];
    if (step) show(all[Math.min(all.length - 1, Math.max(0, all.indexOf(current) + step))]);
    else if (event.key === "Enter") jump(current);
    else return;
    event.preventDefault();
  });
}

const dialog = document.querySelector("dialog");
document.addEventListener("click", event => {
  const item = event.target.closest(".rejected img, .pair img") && event.target.closest(".group .item, .pair");
  if (!item) return;
  const pictures = item.matches(".pair") ? item.querySelectorAll("img") : [item.closest(".group").querySelector(".kept img"), event.target];
  const figures = [...pictures].filter(Boolean).map(picture => {
    const figure = document.createElement("figure"), caption = document.createElement("figcaption");
    caption.textContent = picture.alt;
    figure.append(picture.cloneNode(), caption);
    return figure;
  });
  dialog.querySelector("div").replaceChildren(...figures);
  dialog.querySelector(".numbers").replaceChildren(...item.querySelector(".numbers").cloneNode(true).childNodes);
  dialog.showModal();
});
