// One selected layer for the whole page: tables, charts, links and the address agree on it. A layer is an element id,
// e0r12: engine 0, row 12. Stands before page.js in the same script and is used by it where both are.
let sentences = null; // what this script says in the language of the page, where that is not English

// A sentence of ours with its holes filled, in order or, translated, by their numbers.
function tell(text, ...fills) {
  sentences ??= JSON.parse(document.getElementById("words")?.textContent ?? "{}");
  const [said, hole] = Object.hasOwn(sentences, text) ? [sentences[text], /\{(\d)(?:!s)?\}/g] : [text, /\{()\}/g];
  let next = 0;
  return said.replace(hole, (_, number) => fills[(Number(number) || (next += 1)) - 1]);
}

const selection = (() => {
  const ADDRESS = /^#layer=(e\d+r\d+)$/;
  const LINK = /^#(?:layer=)?(e\d+r\d+)$/;
  const LINES = "tr[id^=e], tr[data-l]";
  const FADED = 0.22;
  let engines = [];
  let show = () => {};
  let lineOf = async () => null;
  let index = null; // elements of the page by the id of the layer they are about
  let redraw = () => {};
  let current = null;
  let related = new Set();
  let wanted = []; // engine and row of the layer and of the related ones
  let scrolls = true; // the first one comes with the address
  let touched = false; // the reader has moved on: the page must not scroll by itself any more
  const bar = {};

  const parts = (id) => id.match(/^e(\d+)r(\d+)$/).slice(1).map(Number);

  // What is known of a layer; null where this page has none of that id.
  function describe(id) {
    const [place, row] = parts(id);
    const engine = engines[place];
    const at = engine ? engine.rows.indexOf(row) : -1;
    if (at < 0) return null;
    return { id, place, row, at, engine: engine.name, name: engine.names[at], time: engine.times[at], group: engine.groups[at] };
  }

  // Rows of any engine that compute the same ONNX nodes.
  function sameNodes(layer) {
    if (layer.group === null) return [];
    return engines.flatMap((engine, place) => engine.rows
      .filter((row, at) => engine.groups[at] === layer.group && !(place === layer.place && row === layer.row))
      .map((row) => `e${place}r${row}`));
  }

  const words = (layer) => tell("{} row {}, {}", layer.engine, layer.row, layer.name) + (layer.time ? tell(", {}", layer.time) : "");
  const idOf = (line) => line.dataset.l ?? (/^e\d+r\d+$/.test(line.id) ? line.id : null);

  function select(id, scroll) {
    scrolls = scroll;
    location.hash = `layer=${id}`;
    follow();
  }

  function clear() {
    if (!current) return;
    try { history.replaceState(null, "", location.pathname + location.search); } catch { location.hash = ""; }
    follow();
    bar.said.textContent = tell("No layer is selected.");
  }

  // Makes the page agree with its address.
  function follow() {
    const id = location.hash.match(ADDRESS)?.[1];
    const layer = id ? describe(id) : null;
    const had = current;
    current = layer;
    related = new Set(layer ? sameNodes(layer) : []);
    wanted = layer ? [layer.id, ...related].map(parts) : [];
    markLines();
    showBar();
    if (had || current) redraw();
    if (id && !layer) bar.said.textContent = tell("This page has no such layer.");
    if (layer && scrolls) arriveAt(layer);
    scrolls = true;
  }

  function arriveAt(layer) {
    const line = document.getElementById(layer.id);
    if (line) show(line);
    else lineOf(layer.id).then((drawn) => show(drawn ?? document.getElementById("order") ?? document.body));
  }

  // Charts above a layer that came with the address may have grown while they were drawn.
  function arrive() {
    if (current && !touched) arriveAt(current);
  }

  // Lines by their layer, and links to a layer: in the head of a line they stand for the line.
  function elements() {
    const found = new Map();
    const add = (id, element) => {
      if (!found.has(id)) found.set(id, []);
      found.get(id).push(element);
    };
    for (const line of document.querySelectorAll(LINES)) {
      if (/^e\d+r\d+$/.test(line.id)) add(line.id, line);
      if (line.dataset.l) add(line.dataset.l, line);
    }
    for (const anchor of document.querySelectorAll('main a[href^="#e"]')) {
      const id = anchor.getAttribute("href").slice(1);
      add(id, anchor.closest("th")?.parentElement ?? anchor);
    }
    return found;
  }

  // Lines that were drawn later than the page.
  function lines(body) {
    index = null;
    if (!engines.length) return;
    linkLines(body);
    if (current) markLines();
  }

  function markLines() {
    for (const old of document.querySelectorAll("[data-picked]")) {
      delete old.dataset.picked;
      old.removeAttribute("aria-current");
    }
    if (!current) return;
    const pick = (element, how) => {
      if (element.dataset.picked === "this") return;
      element.dataset.picked = how;
      if (how === "this") element.setAttribute("aria-current", "true");
    };
    const all = (id, how) => index.get(id)?.forEach((element) => pick(element, how));
    index ??= elements();
    all(current.id, "this");
    related.forEach((id) => all(id, "same"));
    if (current.group === null) return;
    for (const found of document.querySelectorAll(`tr[data-g="${current.group}"], #group-${current.group}`)) pick(found, "same");
  }

  function link(id) {
    const layer = describe(id);
    const element = document.createElement("a");
    element.href = `#layer=${id}`;
    element.textContent = tell("{} row {}", layer.engine, layer.row) + (layer.time ? tell(" ({})", layer.time) : "");
    return element;
  }

  function showBar() {
    bar.box.hidden = !current;
    if (!current) return;
    bar.what.textContent = words(current);
    const links = [...related].slice(0, 8).map(link);
    bar.same.replaceChildren(...(links.length ? [tell("the same ONNX nodes: "), ...links.flatMap((item, i) => (i ? [", ", item] : [item]))] : []));
    if (related.size > links.length) bar.same.append(tell(" and {} more", related.size - links.length));
    bar.said.textContent = tell("Selected: {}; {} with the same ONNX nodes. Escape clears.", words(current), related.size);
  }

  function step(by) {
    const engine = engines[current.place];
    const row = engine.rows[current.at + by];
    if (row !== undefined) select(`e${current.place}r${row}`, false);
  }

  function makeBar() {
    const make = (tag, properties, parent) => parent.appendChild(Object.assign(document.createElement(tag), properties));
    bar.box = make("aside", { id: "selected", hidden: true, ariaLabel: tell("Selected layer") }, document.body);
    bar.what = make("b", {}, bar.box);
    bar.same = make("span", {}, bar.box);
    const buttons = make("span", { className: "buttons" }, bar.box);
    const button = (text, label, act) => make("button", { type: "button", textContent: text, ariaLabel: label, onclick: act }, buttons);
    button("‹", tell("Previous layer of this engine"), () => step(-1));
    button("›", tell("Next layer of this engine"), () => step(1));
    button(tell("Table"), tell("Show the selected layer in the table"), () => select(current.id, true));
    button(tell("Clear"), tell("Clear the selection"), clear);
    bar.said = make("p", { className: "said" }, document.body.querySelector("main"));
    bar.said.setAttribute("role", "status");
  }

  // Each line of a layer leads to it by keyboard too.
  function linkLines(within) {
    for (const line of within.querySelectorAll(LINES)) {
      const id = idOf(line);
      const cell = line.cells[0];
      if (!id || cell.querySelector("a")) continue;
      const element = document.createElement("a");
      element.href = `#layer=${id}`;
      element.textContent = cell.textContent.trim();
      element.setAttribute("aria-label", tell("{}, select this layer", element.textContent));
      cell.replaceChildren(element);
    }
  }

  function clicked(event) {
    const anchor = event.target.closest("a");
    const id = anchor?.getAttribute("href")?.match(LINK)?.[1];
    if (id) {
      event.preventDefault();
      select(id, !anchor.closest("#selected") && anchor.getAttribute("href") === `#${id}`);
    } else if (!event.target.closest("a, button, input, label, summary") && !String(getSelection())) {
      const line = event.target.closest(LINES);
      if (line && idOf(line)) select(idOf(line), false);
    }
  }

  function start(layers, showElement, drawLine, redrawCharts) {
    engines = layers;
    show = showElement;
    lineOf = drawLine;
    redraw = redrawCharts;
    if (!engines.length) return;
    makeBar();
    linkLines(document);
    document.addEventListener("click", clicked);
    document.addEventListener("keydown", (event) => {
      if (event.key === "Escape" && !event.defaultPrevented && !event.target.closest?.("input")) clear();
    });
    addEventListener("hashchange", () => {
      if ((location.hash.match(ADDRESS)?.[1] ?? null) !== (current?.id ?? null)) follow();
    });
    for (const kind of ["wheel", "touchstart", "pointerdown", "keydown"]) {
      addEventListener(kind, () => { touched = true; }, { once: true, passive: true, capture: true });
    }
    if (ADDRESS.test(location.hash)) follow();
  }

  // Charts: a point carries the id of its layer, or of the first and the last of a run of layers (e0r3-9).
  function picked(mark) {
    if (!current || typeof mark !== "string") return false;
    if (mark === current.id || related.has(mark)) return true;
    const run = mark.match(/^e(\d+)r(\d+)-(\d+)$/)?.slice(1).map(Number);
    return Boolean(run) && wanted.some(([place, row]) => run[0] === place && run[1] <= row && row <= run[2]);
  }

  // What is said of a point is put together here, from its layer, its time and its names, or a page would hold it twice.
  function say(data) {
    const escaped = (text) => text.replaceAll("&", "&amp;").replaceAll("<", "&lt;");
    const layerWords = (value) => {
      const run = value.match(/^e(\d+)r(\d+)-(\d+)$/);
      if (run) return tell("{} rows {} to {}, small neighbours of one category", engines[run[1]].name, run[2], run[3]);
      const layer = value && describe(value);
      return layer ? words(layer) : "";
    };
    for (const trace of data) {
      if (trace.type !== "bar" || !Array.isArray(trace.customdata) || trace.hovertext || !engines.length) continue;
      const { names, name } = trace.meta ?? {};
      trace.hovertext = trace.customdata.map((value, i) => [
        ...(names ? [names[name[i]], tell("{} µs at {} ms", Number((trace.x[i] * 1000).toPrecision(4)), trace.base[i])] : []),
        ...(value ? [escaped(layerWords(value))] : []),
      ].join("<br>"));
    }
  }

  // The points of a chart as they stand, each with the id it carries. Plotly binds its records to what it draws.
  function* points(element) {
    for (const node of element.querySelectorAll(".bars .point, .scatterlayer path.point, .slice")) {
      const at = node.__data__?.i ?? node.__data__?.data?.data?.i;
      const trace = node.closest(".trace")?.__data__?.[0]?.trace;
      if (trace && Array.isArray(trace.customdata)) yield [node, trace, trace.customdata[at]];
    }
  }

  // Shows the selection in a chart by styling its points: to draw the chart anew takes a hundred times as long.
  function style(element) {
    element.querySelector(".pointer")?.remove();
    if (!current && !element.dataset.marked) return;
    const found = [...points(element)];
    const chosen = new Set(found.filter(([, , value]) => picked(value)).map(([node]) => node));
    for (const [node, trace] of found) {
      if (trace.type === "icicle") {
        const edge = node.querySelector("path").style;
        edge.stroke = chosen.has(node) ? "var(--ink)" : trace.marker.line.color;
        edge.strokeWidth = chosen.has(node) ? 4 : trace.marker.line.width;
      } else {
        node.style.opacity = !chosen.size || chosen.has(node) ? 1 : FADED;
      }
    }
    element.dataset.marked = chosen.size || "";
    const [own] = found.find(([, trace, value]) => trace.type !== "icicle" && current && value === current.id) ?? [];
    if (own) point(element, own);
  }

  // An arrow from below, inside the chart whatever it points at.
  function point(element, node) {
    const [outer, inner] = [element.getBoundingClientRect(), node.getBoundingClientRect()];
    const arrow = element.appendChild(Object.assign(document.createElement("span"), { className: "pointer", textContent: tell("▲ row {}", current.row) }));
    const wide = arrow.offsetWidth;
    const middle = inner.left + inner.width / 2 - outer.left;
    const left = Math.max(0, Math.min(middle - 6, outer.width - wide));
    arrow.style.left = `${left}px`;
    arrow.style.top = `${inner.bottom - outer.top}px`;
  }

  function listen(element) {
    element.on("plotly_click", ({ points: pressed }) => {
      const value = pressed.map((item) => item.customdata).find((item) => typeof item === "string" && item);
      const id = value?.match(/^(e\d+r\d+)/)?.[1];
      if (id) select(id, false);
    });
    element.on("plotly_afterplot", () => style(element));
    style(element);
  }

  return { start, say, style, listen, arrive, lines };
})();
