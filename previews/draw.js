// Draws CONTENT: each panel at its place on the 24-column grid, with uPlot. Asks for nothing. Numbers
// are written by Grafana's own code (the script before this one); colours of the page are style.css's.
"use strict";
const COLUMN = 1584 / 24, ROW = 36;
const theme = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
// Ages are told against the moment that is shown.
const RealDate = Date;
Date.now = () => CONTENT.at * 1000;
globalThis.Date = class extends RealDate {
  constructor(...given) { super(...(given.length ? given : [CONTENT.at * 1000])); }
  static now() { return CONTENT.at * 1000; }
};

function shown(value, unit, decimals) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  return Grafana.formattedValueToString(Grafana.getValueFormat(unit)(value, decimals));
}
function painted(value, steps) {
  let colour = steps[0].color;
  for (const step of steps) if (step.value === null || value >= step.value) colour = step.color;
  return colour;
}
function element(tag, parent, attributes, text) {
  const made = document.createElement(tag);
  Object.assign(made, attributes || {});
  if (text !== undefined) made.textContent = text;
  parent.appendChild(made);
  return made;
}
function faded(colour, part) {
  return colour + Math.round(part * 255).toString(16).padStart(2, "0");
}

// Opaque, since stacked areas lie on one another: half the colour, half the panel's ground.
function mixed(colour) {
  const ground = [1, 3, 5].map((at) => parseInt(theme("--panel").slice(at, at + 2), 16));
  const parts = [1, 3, 5].map((at, i) => Math.round(parseInt(colour.slice(at, at + 2), 16) * 0.6 + ground[i] * 0.4));
  return `rgb(${parts.join(",")})`;
}

function drawEmpty(panel, box) {
  element("div", box, { className: "empty" }, panel.empty || "no data");
}

// The names of all lines: below the picture, or beside it with the newest values.
function drawLegend(panel, box, width) {
  if (!panel.beside) {
    const legend = element("div", box, { className: "legend" });
    for (const line of panel.lines) mark(element("span", legend), line).append(line.name);
    return [width, legend.offsetHeight + 4];
  }
  const legend = element("div", box, { className: "beside" });
  const longest = Math.max(...panel.lines.map((line) => line.name.length));
  const beside = Math.min(width / 2, 100 + 6.6 * longest);
  legend.style.width = beside + "px";
  const last = (line) => line.values.filter((value) => value !== null).at(-1) ?? null;
  for (const line of [...panel.lines].sort((a, b) => last(b) - last(a))) {
    const entry = element("div", legend, { className: "entry" });
    mark(element("span", entry, { className: "name" }), line).append(line.name);
    element("span", entry, { className: "last" }, shown(last(line), panel.unit, panel.decimals));
  }
  return [width - beside - 8, 2];
}
function mark(entry, line) {
  element("i", entry, { className: line.dashed ? "dashed" : "" }).style.borderColor = line.colour;
  return entry;
}

function drawLines(panel, box, width, height) {
  if (!panel.lines.length) return drawEmpty(panel, box);
  let below;
  [width, below] = drawLegend(panel, box, width);
  const values = panel.lines.map((line) => line.values.slice());
  if (panel.stacked) {
    for (let s = 1; s < values.length; s += 1) {
      for (let t = 0; t < values[s].length; t += 1) values[s][t] = (values[s][t] ?? 0) + (values[s - 1][t] ?? 0);
    }
  }
  const order = panel.lines.map((_, at) => at);
  if (panel.stacked) order.reverse();
  const flat = values.flat().filter((value) => value !== null);
  const drawn = panel.drawn ? panel.steps.filter((step) => step.value !== null) : [];
  const top = Math.max(...flat, ...drawn.map((step) => step.value)), bottom = Math.min(...flat);
  const low = panel.log ? 10 ** Math.floor(Math.log10(Math.max(1, bottom))) : panel.min ?? (bottom - Math.abs(bottom) * 0.1);
  let high = panel.max ?? (panel.log ? 10 ** Math.ceil(Math.log10(Math.max(10, top))) : top + Math.max(top - low, Math.abs(top)) * 0.1);
  if (!(high > low)) high = low + 1;
  const axis = { stroke: theme("--faint"), grid: { stroke: theme("--grid"), width: 1 }, ticks: { show: false }, font: "11px DejaVu Sans" };
  new uPlot({
    width, height: height - below, legend: { show: false }, cursor: { show: false }, padding: [6, 8, 0, 0],
    scales: { x: { time: true }, y: { range: [low, high], distr: panel.log ? 3 : 1 } },
    axes: [
      { ...axis, size: 22, space: 70, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toISOString().slice(11, 16)) },
      { ...axis, size: 74, space: 28, grid: { ...axis.grid, show: !panel.log }, values: (_, ticks) => ticks.map((v) => v === null ? "" : shown(v, panel.unit)) },
    ],
    hooks: { draw: [(plot) => drawn.forEach((step) => {
      const y = plot.valToPos(step.value, "y", true), pen = plot.ctx;
      pen.save(); pen.strokeStyle = step.color; pen.lineWidth = 2; pen.setLineDash([10, 8]);
      pen.beginPath(); pen.moveTo(plot.bbox.left, y); pen.lineTo(plot.bbox.left + plot.bbox.width, y); pen.stroke();
      pen.restore();
    })] },
    series: [{}, ...order.map((at) => {
      const line = panel.lines[at];
      return {
        stroke: line.colour, width: panel.stacked ? 1 : 2, points: { show: false }, spanGaps: false,
        dash: line.dashed ? [8, 6] : undefined,
        fill: panel.stacked ? mixed(line.colour) : line.dashed ? undefined : faded(line.colour, 0.08),
      };
    })],
  }, [panel.times, ...order.map((at) => values[at])], element("div", box));
}

function drawStat(panel, box, width) {
  if (panel.value === null) {
    const stat = element("div", box, { className: "stat" });
    const value = element("div", stat, { className: "value" }, panel.empty);
    value.style.fontSize = Math.max(13, Math.min(32, Math.floor(width / panel.empty.length * 1.6))) + "px";
    value.style.whiteSpace = "normal";
    return;
  }
  const colour = panel.colour || painted(panel.value, panel.steps);
  const stat = element("div", box, { className: "stat" });
  const text = panel.text || shown(panel.value, panel.unit, panel.decimals);
  if (panel.name) element("div", stat, { className: "of" }, panel.name).style.color = colour;
  const value = element("div", stat, { className: "value" }, text);
  value.style.color = colour;
  value.style.fontSize = Math.min(40, Math.floor(width / text.length * 1.55)) + "px";
  if (!panel.course.length) return;
  const known = panel.course.filter((v) => v !== null);
  const low = Math.min(...known), high = Math.max(...known);
  const canvas = element("canvas", stat, { className: "spark", width: width + 20, height: 44 });
  const pen = canvas.getContext("2d");
  pen.beginPath();
  panel.course.forEach((v, at) => {
    const x = at / (panel.course.length - 1) * canvas.width;
    const y = 42 - ((v ?? low) - low) / (high - low > Math.abs(high) * 1e-6 ? high - low : Infinity) * 36;
    if (at) pen.lineTo(x, y); else pen.moveTo(x, y);
  });
  pen.strokeStyle = colour; pen.lineWidth = 1.5; pen.stroke();
  pen.lineTo(canvas.width, 44); pen.lineTo(0, 44);
  pen.fillStyle = faded(colour, 0.2); pen.fill();
}

function drawBars(panel, box, width) {
  if (!panel.bars.length) return drawEmpty(panel, box);
  const top = Math.max(...panel.bars.map((bar) => bar.value), 1e-9);
  for (const bar of panel.bars) {
    const line = element("div", box, { className: "bar" });
    element("div", line, { className: "name" }, bar.name);
    const track = element("div", line, { className: "track" });
    const fill = element("div", track, { className: "fill" });
    fill.style.background = painted(bar.value, panel.steps);
    fill.style.width = Math.max(2, bar.value / top * width * 0.36) + "px";
    element("div", track, {}, shown(bar.value, panel.unit, panel.decimals));
  }
}

// Five stops of Cividis, which the colour-blind read as others do.
const CIVIDIS = [[0, 34, 78], [65, 77, 107], [124, 123, 120], [188, 175, 111], [254, 232, 56]];
function cividis(part) {
  const at = Math.min(part, 0.9999) * (CIVIDIS.length - 1), below = Math.floor(at), rest = at - below;
  const mixed = CIVIDIS[below].map((v, i) => Math.round(v + (CIVIDIS[below + 1][i] - v) * rest));
  return `rgb(${mixed.join(",")})`;
}
function drawHeatmap(panel, box, width, height) {
  if (!panel.bounds.length) return drawEmpty(panel, box);
  height -= 14;
  const canvas = element("canvas", box, { width, height: height + 20 });
  const pen = canvas.getContext("2d");
  pen.translate(0, 10);
  const left = 46, below = 24, rows = panel.rows.filter((_, at) => panel.bounds[at] !== "+Inf");
  const bounds = panel.bounds.filter((bound) => bound !== "+Inf");
  const top = Math.max(...rows.flat(), 1e-9);
  const w = (width - left) / panel.times.length, h = (height - below) / rows.length;
  pen.font = "11px DejaVu Sans";
  rows.forEach((row, at) => {
    const y = height - below - (at + 1) * h;
    row.forEach((value, t) => {
      pen.fillStyle = value > 0 ? cividis(Math.sqrt(value / top)) : theme("--panel");
      pen.fillRect(left + t * w, y, Math.max(1, w - 0.5), h - 1);
    });
    pen.fillStyle = theme("--faint"); pen.textAlign = "right";
    pen.fillText(bounds[at], left - 6, y + 4);
  });
  pen.textAlign = "center";
  for (let t = 1; t < panel.times.length; t += 1) {
    const hours = Math.floor(panel.times[t] / 14400);
    if (hours === Math.floor(panel.times[t - 1] / 14400)) continue;
    pen.fillText(new Date(hours * 14400000).toISOString().slice(11, 16), left + t * w, height - 6);
  }
  const key = element("div", box, { className: "key" }, "0");
  const scale = element("canvas", key, { width: 160, height: 10 }).getContext("2d");
  for (let x = 0; x < 160; x += 1) { scale.fillStyle = cividis(Math.sqrt(x / 160)); scale.fillRect(x, 0, 1, 10); }
  key.append(shown(Math.round(top), panel.unit, 0) + " an hour");
}

// Of Markdown what the panels use: bold, links, code, fences, paragraphs.
function drawWords(panel, box) {
  const escaped = panel.content.replace(/&/g, "&amp;").replace(/</g, "&lt;");
  box.insertAdjacentHTML("beforeend", '<div class="words">' + escaped
    .replace(/```\w*\n([^`]+)```/g, "<pre>$1</pre>").replace(/`([^`]+)`/g, "<code>$1</code>")
    .replace(/\*\*([^*]+)\*\*/g, "<b>$1</b>").replace(/\[([^\]]+)\]\([^)]+\)/g, "<a>$1</a>")
    .replace(/\n\n/g, "<p>") + "</div>");
}

function drawTable(panel, box) {
  if (!panel.rows.length) return drawEmpty(panel, box);
  const table = element("table", box);
  const head = element("tr", table);
  const numbers = panel.columns.map((_, at) => panel.rows.some((row) => typeof row[at] === "number"));
  panel.columns.forEach((column, at) => element("th", head, { className: numbers[at] ? "number" : "" }, column.title));
  for (const row of panel.rows) {
    const line = element("tr", table);
    row.forEach((value, at) => {
      const column = panel.columns[at];
      const word = typeof value === "number" ? column.words[value] : undefined;
      const text = word ? word.text : shown(value, column.unit, column.decimals);
      const classes = (numbers[at] ? "number" : "") + (column.links ? " linked" : "");
      const cell = element("td", line, { className: classes }, text);
      if (word) cell.style.color = word.color;
      if (column.steps && typeof value === "number") cell.style.color = painted(value, column.steps);
    });
  }
}

const header = document.querySelector("header");
element("span", header, { className: "note" }, "Preview: drawn from the queries' results on a simulated day, not by Grafana");
element("h1", header, {}, CONTENT.title);
const vars = element("div", header, { className: "vars" });
for (const variable of CONTENT.variables) {
  const chip = element("span", vars);
  element("b", chip, {}, variable.label);
  chip.append(variable.value);
}
for (const link of CONTENT.links.slice().reverse()) element("span", vars, { className: "link" }, link);

const main = document.querySelector("main");
for (const panel of CONTENT.panels) {
  const place = panel.place;
  const outer = element("div", main, { className: panel.kind === "row" ? "row" : "panel" });
  Object.assign(outer.style, {
    left: place.x * COLUMN + "px", top: place.y * ROW + "px", width: place.w * COLUMN + "px", height: place.h * ROW + "px",
  });
  if (panel.kind === "row") { outer.textContent = "⌄  " + panel.title; continue; }
  const box = element("div", outer);
  element("h3", box, {}, panel.title);
  const width = place.w * COLUMN - 26, height = place.h * ROW - 50;
  if (panel.kind === "timeseries") drawLines(panel, box, width, height);
  if (panel.kind === "stat") drawStat(panel, box, width);
  if (panel.kind === "bargauge") drawBars(panel, box, width);
  if (panel.kind === "heatmap") drawHeatmap(panel, box, width, height);
  if (panel.kind === "table") drawTable(panel, box);
  if (panel.kind === "text") drawWords(panel, box);
}
