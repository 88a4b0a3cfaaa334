// Draws CONTENT: each panel at its place on the 24-column grid, dark, with uPlot. Asks for nothing.
"use strict";
const COLUMN = 1584 / 24, ROW = 36;
const NOW = Math.max(...CONTENT.panels.flatMap((p) => p.times || [0]));

function short(value, decimals) {
  const size = Math.abs(value);
  for (const [from, letter] of [[1e12, "T"], [1e9, "B"], [1e6, "M"], [1e4, "K"]]) {
    if (size >= from) return trimmed(value / (letter === "K" ? 1e3 : from), decimals ?? 1) + " " + letter;
  }
  return trimmed(value, decimals ?? (size >= 100 ? 0 : size >= 10 ? 1 : 2));
}
function trimmed(value, decimals) {
  const text = value.toFixed(decimals);
  return text.includes(".") ? text.replace(/\.?0+$/, "") : text;
}
function duration(seconds) {
  const size = Math.abs(seconds);
  if (size === 0) return "0 s";
  if (size < 1) return trimmed(seconds * 1000, 0) + " ms";
  for (const [from, name] of [[86400, "days"], [3600, "h"], [60, "min"]]) {
    if (size >= 1.5 * from || (size >= from && name !== "days")) return trimmed(seconds / from, 1) + " " + name;
  }
  return trimmed(seconds, size < 10 ? 2 : 0) + " s";
}
function shown(value, unit, decimals) {
  if (value === null || value === undefined) return "–";
  if (typeof value === "string") return value;
  switch (unit) {
    case "percentunit": return trimmed(value * 100, decimals ?? 1) + " %";
    case "s": return duration(value);
    case "bytes": {
      let at = 0;
      while (Math.abs(value) >= 1024 && at < 4) { value /= 1024; at += 1; }
      return trimmed(value, 1) + " " + ["B", "KiB", "MiB", "GiB", "TiB"][at];
    }
    case "opm": return short(value, decimals) + " ops/min";
    case "rpm": return short(value, decimals) + " /min";
    case "bool_yes_no": return value ? "yes" : "no";
    case "dateTimeFromNow": return duration(NOW - value / 1000) + " ago";
    default: return short(value, decimals);
  }
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
  const ground = [24, 27, 31];
  const parts = [1, 3, 5].map((at, i) => Math.round(parseInt(colour.slice(at, at + 2), 16) * 0.6 + ground[i] * 0.4));
  return `rgb(${parts.join(",")})`;
}

function drawLines(panel, box, width, height) {
  if (!panel.lines.length) { element("div", box, { className: "empty" }, "no data"); return; }
  const legend = element("div", box, { className: "legend" });
  for (const line of panel.lines) {
    const entry = element("span", legend);
    const mark = element("i", entry, { className: line.dashed ? "dashed" : "" });
    mark.style.borderColor = line.colour;
    entry.append(line.name);
  }
  const below = Math.min(36, legend.scrollHeight) + 2;
  const values = panel.lines.map((line) => line.values.slice());
  if (panel.stacked) {
    for (let s = 1; s < values.length; s += 1) {
      for (let t = 0; t < values[s].length; t += 1) values[s][t] = (values[s][t] ?? 0) + (values[s - 1][t] ?? 0);
    }
  }
  const order = panel.lines.map((_, at) => at);
  if (panel.stacked) order.reverse();
  const flat = values.flat().filter((value) => value !== null);
  const top = Math.max(...flat), bottom = Math.min(...flat);
  const low = panel.log ? 10 ** Math.floor(Math.log10(Math.max(1, bottom))) : panel.min ?? (bottom - Math.abs(bottom) * 0.1);
  let high = panel.max ?? (panel.log ? 10 ** Math.ceil(Math.log10(Math.max(10, top))) : top + Math.max(top - low, Math.abs(top)) * 0.1);
  if (!(high > low)) high = low + 1;
  const axis = { stroke: "#9fa7b3", grid: { stroke: "#2a2d34", width: 1 }, ticks: { show: false }, font: "11px DejaVu Sans" };
  new uPlot({
    width, height: height - below, legend: { show: false }, cursor: { show: false }, padding: [6, 8, 0, 0],
    scales: { x: { time: true }, y: { range: [low, high], distr: panel.log ? 3 : 1 } },
    axes: [
      { ...axis, size: 22, space: 70, values: (_, ticks) => ticks.map((t) => new Date(t * 1000).toISOString().slice(11, 16)) },
      { ...axis, size: 74, space: 28, grid: { ...axis.grid, show: !panel.log }, values: (_, ticks) => ticks.map((v) => v === null ? "" : shown(v, panel.unit)) },
    ],
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
  const colour = panel.colour || painted(panel.value, panel.steps);
  const stat = element("div", box, { className: "stat" });
  const text = panel.text || shown(panel.value, panel.unit, panel.decimals);
  const value = element("div", stat, { className: "value" }, text);
  value.style.color = colour;
  value.style.fontSize = Math.min(40, Math.floor(width / text.length * 1.55)) + "px";
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
  const top = Math.max(...panel.bars.map((bar) => bar.value), 1e-9);
  for (const bar of panel.bars) {
    const line = element("div", box, { className: "bar" });
    element("div", line, { className: "name" }, bar.name);
    const track = element("div", line, { className: "track" });
    const fill = element("div", track, { className: "fill" });
    fill.style.background = painted(bar.value, panel.steps);
    fill.style.width = Math.max(2, bar.value / top * width * 0.46) + "px";
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
      pen.fillStyle = value > 0 ? cividis(Math.sqrt(value / top)) : "#181b1f";
      pen.fillRect(left + t * w, y, Math.max(1, w - 0.5), h - 1);
    });
    pen.fillStyle = "#9fa7b3"; pen.textAlign = "right";
    pen.fillText(bounds[at], left - 6, y + 4);
  });
  pen.textAlign = "center";
  for (let t = 1; t < panel.times.length; t += 1) {
    const hours = Math.floor(panel.times[t] / 14400);
    if (hours === Math.floor(panel.times[t - 1] / 14400)) continue;
    pen.fillText(new Date(hours * 14400000).toISOString().slice(11, 16), left + t * w, height - 6);
  }
}

function drawTable(panel, box) {
  const table = element("table", box);
  const head = element("tr", table);
  const numbers = panel.columns.map((_, at) => panel.rows.some((row) => typeof row[at] === "number"));
  panel.columns.forEach((column, at) => element("th", head, { className: numbers[at] ? "number" : "" }, column.title));
  for (const row of panel.rows) {
    const line = element("tr", table);
    row.forEach((value, at) => {
      const column = panel.columns[at];
      const cell = element("td", line, { className: numbers[at] ? "number" : "" }, shown(value, column.unit, column.decimals));
      if (column.steps && typeof value === "number") cell.style.color = painted(value, column.steps);
    });
  }
}

const header = document.querySelector("header");
element("span", header, { className: "note" }, "Preview: drawn from the queries' results on invented traffic, not by Grafana");
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
}
