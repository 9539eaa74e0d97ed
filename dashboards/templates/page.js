"use strict";
// The page without this script is complete but for charts; everything here is comfort.
(() => {
  const root = document.documentElement;
  const STORED = "trtprof-theme";
  const PRINT_WIDTH_PX = 680;
  const NARROW_PX = 560;
  const LEGEND_LINE_PX = 20;
  const system = matchMedia("(prefers-color-scheme: dark)");
  const drawn = [];
  const wholes = new Map();
  const collator = new Intl.Collator("en", { numeric: true });
  let colours = {};
  let asked = 0; // how often all charts were to be drawn anew
  const linked = typeof selection === "undefined" ? null : selection; // select.js, where the page has layers

  // Runs in <head>, so that a stored choice is there before the first paint.
  try {
    const stored = localStorage.getItem(STORED);
    if (stored === "light" || stored === "dark") root.dataset.theme = stored;
  } catch { /* storage may be switched off for files */ }

  const isDark = () => (root.dataset.theme ? root.dataset.theme === "dark" : system.matches);

  function startTheme() {
    const button = document.getElementById("theme");
    const label = () => { button.textContent = isDark() ? tell("Light") : tell("Dark"); };
    button.hidden = false;
    button.setAttribute("aria-label", tell("Switch between light and dark"));
    button.addEventListener("click", () => {
      root.dataset.theme = isDark() ? "light" : "dark";
      try { localStorage.setItem(STORED, root.dataset.theme); } catch { /* as above */ }
      label();
      redraw();
    });
    system.addEventListener("change", () => { label(); redraw(); });
    label();
  }

  // Charts ---------------------------------------------------------------------------------------------------------
  // Base 85 and not base 64: a page is 120 KB smaller.
  function fromBase85(text, alphabet) {
    const values = new Uint8Array(128);
    [...alphabet].forEach((letter, value) => { values[letter.charCodeAt(0)] = value; });
    const missing = (5 - (text.length % 5)) % 5;
    const padded = text + alphabet.at(-1).repeat(missing);
    const bytes = new Uint8Array((padded.length / 5) * 4);
    const view = new DataView(bytes.buffer);
    for (let from = 0, to = 0; from < padded.length; from += 5, to += 4) {
      let word = 0;
      for (let i = from; i < from + 5; i += 1) word = word * 85 + values[padded.charCodeAt(i)];
      view.setUint32(to, word);
    }
    return bytes.subarray(0, bytes.length - missing);
  }

  async function inflate(element) {
    const stream = new Blob([fromBase85(element.textContent, element.dataset.alphabet)]).stream().pipeThrough(new DecompressionStream("gzip"));
    return new Response(stream).text();
  }

  async function loadPlotly() {
    const script = document.createElement("script");
    script.textContent = await inflate(document.getElementById("plotly"));
    document.head.append(script); // runs at once, and only because the policy names the hash of exactly this text
    if (!globalThis.Plotly) throw new Error("the chart library did not start");
  }

  function recolour(value) {
    if (typeof value === "string") return colours[value] ?? value;
    if (Array.isArray(value)) return value.map(recolour);
    if (value && typeof value === "object") {
      return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, recolour(item)]));
    }
    return value;
  }

  function themed(figure, dark) {
    const copy = structuredClone(figure);
    return dark ? recolour(copy) : copy;
  }

  // The chart library's own words, which it looks up in a dictionary.
  function chartLanguage() {
    const dictionary = { "Download plot as a PNG": tell("Download plot as a PNG") };
    return root.lang === "en" ? {} : { locale: root.lang, locales: { [root.lang]: { dictionary, format: {} } } };
  }

  // Ink or page, whichever stands out more from the bar it is written in.
  function readable(background, layout) {
    const light = (colour) => {
      const [r, g, b] = [1, 3, 5].map((at) => (parseInt(colour.slice(at, at + 2), 16) / 255) ** 2.2);
      return 0.2126 * r + 0.7152 * g + 0.0722 * b + 0.05;
    };
    const contrast = (colour) => Math.max(light(colour), light(background)) / Math.min(light(colour), light(background));
    const { ink, page } = layout.meta;
    return contrast(ink) >= contrast(page) ? ink : page;
  }

  function draw(chart, dark, width) {
    const { data, layout } = themed(chart.figure, dark);
    if (width) Object.assign(layout, { width, autosize: false });
    // A narrow legend has a line for each entry, which would come off the height of the bars.
    else if (chart.element.clientWidth < NARROW_PX) layout.height += LEGEND_LINE_PX * (data.length - 1);
    for (const trace of data) if (trace.type === "bar") trace.insidetextfont = { color: readable(trace.marker.color, layout) };
    layout.uirevision = 1; // what the reader switched off or opened stays so when a chart is drawn anew
    linked?.say(data);
    const config = {
      ...chartLanguage(),
      responsive: !width,
      displaylogo: false,
      modeBarButtons: [["toImage"]],
      toImageButtonOptions: { filename: chart.element.id },
    };
    return globalThis.Plotly.react(chart.element, data, layout, config);
  }

  // What the reader sees comes first, and between two charts the page answers.
  const distance = ({ element }) => {
    const { top, bottom } = element.getBoundingClientRect();
    return Math.max(0, top - innerHeight, -bottom);
  };

  async function inTurn(charts, act) {
    for (const waiting = [...charts]; waiting.length;) {
      const [nearest] = waiting.splice(waiting.reduce((best, chart, i) => (distance(chart) < distance(waiting[best]) ? i : best), 0), 1);
      await act(nearest);
      await new Promise((go) => { setTimeout(go); });
    }
  }

  function redraw() {
    const mine = ++asked;
    return inTurn(drawn, (chart) => (mine === asked ? draw(chart, isDark()) : null)); // whoever asks later draws them all
  }

  async function readData() {
    const element = document.getElementById("data");
    return JSON.parse(element.dataset.alphabet ? await inflate(element) : element.textContent);
  }

  async function startCharts() {
    const page = await readData();
    colours = page.dark;
    const figures = Object.entries(page.figures);
    for (const [id, figure] of figures) document.getElementById(id).style.minHeight = `${figure.layout.height ?? 0}px`; // nothing shifts while they are drawn
    linked?.start(page.layers ?? [], show, lineOf, () => drawn.forEach((chart) => linked.style(chart.element)));
    try {
      if (figures.length) await loadPlotly();
      await inTurn(figures.map(([id, figure]) => ({ element: document.getElementById(id), figure })), async (chart) => {
        chart.element.replaceChildren();
        await draw(chart, isDark());
        drawn.push(chart);
        linked?.listen(chart.element);
      });
      linked?.arrive();
    } catch (error) {
      for (const [id] of figures) document.getElementById(id).style.minHeight = "";
      for (const note of document.querySelectorAll(".nochart")) {
        note.textContent = tell("The chart could not be drawn ({}). The table below has its numbers.", error.message);
      }
    }
    await completeTables();
    root.dataset.charts = String(drawn.length);
  }

  // Tables ---------------------------------------------------------------------------------------------------------
  function cellText(cell) {
    const inner = cell.querySelectorAll("b, li, details > code");
    const texts = inner.length ? [...inner].map((part) => part.textContent) : [cell.textContent];
    return texts.map((text) => text.replace(/\s+/g, " ").trim()).join("; ");
  }

  function csvField(text) {
    // A spreadsheet runs what starts like a formula, and names come from model files.
    const safe = /^[=@\t\r]|^[+-](?!\d[\d.,]*$)/.test(text) ? `'${text}` : text;
    return /[",\n\r]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
  }

  async function copyText(text) {
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      const area = document.createElement("textarea");
      area.value = text;
      document.body.append(area);
      area.select();
      const done = document.execCommand("copy");
      area.remove();
      if (!done) throw new Error(tell("the browser does not allow copying"));
    }
  }

  // A long table carries its lines packed; they are drawn when somebody wants more than the first ones.
  function startTable(box) {
    const table = box.querySelector("table");
    const body = table.tBodies[0];
    const tools = box.querySelector(".tools");
    const heads = [...table.tHead.rows[0].cells];
    const packed = box.querySelector("script.rest");
    const state = { rows: [...body.rows], texts: null, whole: packed ? null : Promise.resolve() };
    const total = packed ? Number(packed.dataset.rows) : state.rows.length;
    const whole = () => {
      state.whole ??= inflate(packed).then((lines) => {
        const drawn = document.createElement("tbody");
        drawn.innerHTML = lines;
        body.replaceChildren(...drawn.rows);
        state.rows = [...body.rows];
        linked?.lines(body);
      });
      return state.whole;
    };
    if (total > 1 && !table.tFoot) heads.forEach((head, column) => startSort(head, column, heads, body, state, whole));
    if (!tools) return;
    const status = tools.querySelector("[role=status]");
    const filter = tools.querySelector(".filter");
    const only = tools.querySelector(".only");
    const show = () => {
      const wanted = filter.value.trim().toLowerCase();
      if (wanted) state.texts ??= new Map(state.rows.map((row) => [row, row.textContent.toLowerCase()]));
      let count = 0;
      for (const row of state.rows) {
        // A filter looks through all rows, or it would miss what the switch hides.
        row.hidden = wanted ? !state.texts.get(row).includes(wanted) : Boolean(only?.checked) && row.classList.contains("minor");
        if (!row.hidden) count += 1;
      }
      status.textContent = tell("{} of {} rows shown", count, total);
    };
    const showWhole = () => whole().then(show);
    filter.addEventListener("input", showWhole);
    only?.addEventListener("change", showWhole);
    tools.querySelector(".csv").addEventListener("click", async () => {
      try {
        if (!only?.checked) await showWhole();
        const lines = [table.tHead.rows[0], ...[...body.rows].filter((row) => !row.hidden), ...(table.tFoot?.rows ?? [])];
        await copyText(lines.map((row) => [...row.cells].map((cell) => csvField(cellText(cell))).join(",")).join("\n"));
        status.textContent = tell("{} rows copied", lines.length - 1);
      } catch (error) {
        status.textContent = tell("not copied: {}", error.message);
      }
    });
    box.addEventListener("sorted", show);
    box.addEventListener("reveal", () => { filter.value = ""; if (only) only.checked = false; show(); });
    tools.hidden = false;
    show();
    if (packed) wholes.set(box.id, { whole: showWhole, first: Number(packed.dataset.shown) > state.rows.length });
  }

  // Draws the tables that show more at once than stands in the page; the others wait until they are asked.
  async function completeTables() {
    for (const table of wholes.values()) if (table.first) await table.whole();
  }

  // The line of a layer (e0r12) is in the table of its engine's rows, that of a node group in the fusion table.
  async function lineOf(id) {
    const place = id.match(/^e(\d+)r\d+$/)?.[1];
    await wholes.get(place === undefined ? "fusion-table" : `rows-${place}`)?.whole();
    return document.getElementById(id);
  }

  function startSort(head, column, heads, body, state, whole) {
    if (!head.textContent) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = head.textContent;
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    const numeric = head.classList.contains("n");
    const key = (row) => {
      const cell = row.cells[column];
      if (!numeric) return cellText(cell);
      return cell.dataset.s === "none" ? null : Number(cell.dataset.s || cell.textContent.split(" ").pop());
    };
    button.addEventListener("click", async () => {
      await whole();
      const first = numeric ? "descending" : "ascending";
      const next = { none: first, [first]: numeric ? "ascending" : "descending" }[head.getAttribute("aria-sort")] ?? "none";
      heads.forEach((other) => other.setAttribute("aria-sort", "none"));
      head.setAttribute("aria-sort", next);
      const sign = next === "descending" ? -1 : 1;
      const sorted = next === "none" ? state.rows : state.rows.map((row) => [key(row), row]).sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null); // absent stays last either way
        return sign * (numeric ? a - b : collator.compare(a, b));
      }).map(([, row]) => row);
      body.append(...sorted);
      head.closest(".table").dispatchEvent(new Event("sorted"));
    });
  }

  // Links to a row that a switch hides must still arrive. -----------------------------------------------------------
  function reveal() {
    const id = location.hash && decodeURIComponent(location.hash.slice(1));
    if (!id) return;
    const target = document.getElementById(id);
    if (target) show(target);
    else if (/^(e\d+r|group-)\d+$/.test(id)) lineOf(id).then((line) => line && show(line));
  }

  function show(target) {
    for (let box = target; box; box = box.parentElement) if (box.tagName === "DETAILS") box.open = true;
    if (target.hidden) target.closest(".table")?.dispatchEvent(new Event("reveal"));
    target.scrollIntoView({ block: target.tagName === "TR" ? "center" : "start" });
  }

  function startPrint() {
    // Paper is white and narrow. What is folded stays folded: opened name lists would print for pages.
    addEventListener("beforeprint", () => {
      asked += 1;
      drawn.forEach((chart) => draw(chart, false, PRINT_WIDTH_PX));
    });
    addEventListener("afterprint", redraw);
  }

  addEventListener("DOMContentLoaded", () => {
    startTheme();
    document.querySelectorAll(".table").forEach(startTable);
    addEventListener("hashchange", reveal);
    startPrint();
    reveal();
    startCharts();
  });
})();
