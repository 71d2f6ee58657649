/* Draws the numbers that stand in the page, and nothing else: all of them were computed by the runner. */
"use strict";
(() => {
  const $ = (id) => document.getElementById(id);
  const live = document.documentElement.dataset.live === "yes";
  const LONGEST = 24;
  const MOST_LINES = 12;
  const MOST_BANDS = 4; // more of them hide each other
  const MEASURES = {
    epochs_to_converge: "median epochs to converge",
    accuracy: "median accuracy",
    final_loss: "median final loss",
  };
  let data = JSON.parse($("data").textContent);

  // ---- texts and numbers ----

  // Plotly reads a little HTML in texts; what a study calls its values is no such thing.
  const plainText = (text) => String(text).replace(/&/g, "&amp;").replace(/</g, "&lt;").replace(/>/g, "&gt;");
  const shortText = (text) =>
    plainText(text.length <= LONGEST ? text : `${text.slice(0, 12)}…${text.slice(-10)}`);
  const value = (number) => (number === "inf" ? Infinity : number === "-inf" ? -Infinity : number);
  const percent = (share, digits = 1) => {
    const least = digits ? "<0.1%" : "<1%";
    const text = `${(100 * share).toFixed(digits)}%`;
    if (share > 0 && Number.parseFloat(text) === 0) return least;
    if (share < 1 && Number.parseFloat(text) === 100) return digits ? ">99.9%" : ">99%";
    return text;
  };
  const short = (number) => {
    if (number === null || number === undefined) return "unknown";
    if (!Number.isFinite(number)) return "infinite";
    if (Math.abs(number) >= 1000 && Math.abs(number) < 1e9) return Math.round(number).toLocaleString("en-GB");
    return String(Number(number.toPrecision(4)));
  };
  const epochsText = (number) => (number === Infinity ? "never" : short(number));
  const css = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

  // ---- groups of runs: by one axis, or by two ----

  /** What became of the runs with value k of axis i and value b of axis j; j is -1 for all runs with k. */
  function group(i, k, j = -1, b = 0) {
    let from = data.axes[i].groups;
    let at = k;
    if (j >= 0) {
      const [first, second, one, other] = i < j ? [i, j, k, b] : [j, i, b, k];
      from = data.pairs[`${first}-${second}`];
      at = one * data.axes[second].labels.length + other;
    }
    return {
      runs: from.runs[at],
      converged: from.converged[at],
      rate: from.rate[at],
      low: from.low[at],
      high: from.high[at],
      outcomes: from.outcomes.map((column) => column[at]),
      epochs: from.epochs.map((column) => value(column[at])),
      median: (name) => (from.medians[name] ? value(from.medians[name][at]) : null),
    };
  }

  function rateText(found) {
    const between = data.exact ? "exact" : `95% interval ${percent(found.low)} to ${percent(found.high)}`;
    return `${found.converged.toLocaleString("en-GB")} of ${found.runs.toLocaleString("en-GB")} runs: `
      + `${percent(found.rate)} (${between})`;
  }

  function epochsInWords(found) {
    const [lower, middle, upper] = found.epochs.map(epochsText);
    return `median epochs to converge ${middle} (quartiles ${lower} and ${upper})`;
  }

  function everything(found) {
    const lines = [`converged ${rateText(found)}`];
    if (found.epochs.length) lines.push(epochsInWords(found));
    for (const name of ["accuracy", "final_loss"]) {
      const middle = found.median(name);
      if (middle !== null) lines.push(`${MEASURES[name]} ${short(middle)}`);
    }
    const shares = data.outcomes
      .map((name, k) => [name, found.outcomes[k]])
      .filter(([, share]) => share > 0)
      .sort((a, b) => b[1] - a[1])
      .map(([name, share]) => `${plainText(name)} ${percent(share)}`);
    lines.push(shares.join(", "));
    return lines;
  }

  // ---- how charts look ----

  function lineColour(axis, k, n) {
    if (axis.scale === "category") return css(`--l${k % 7}`);
    return mixed(["--shade0", "--shade1", "--shade2", "--shade3"].map(css), n > 1 ? k / (n - 1) : 0);
  }

  function mixed(colours, share) {
    const place = Math.min(share, 0.9999) * (colours.length - 1);
    const at = Math.floor(place);
    const parts = [colours[at], colours[at + 1]].map((hex) => [1, 3, 5].map((k) => Number.parseInt(hex.slice(k, k + 2), 16)));
    const rgb = parts[0].map((from, k) => Math.round(from + (parts[1][k] - from) * (place - at)));
    return `#${rgb.map((part) => part.toString(16).padStart(2, "0")).join("")}`;
  }

  const faint = (hex, opacity) =>
    `rgba(${[1, 3, 5].map((k) => Number.parseInt(hex.slice(k, k + 2), 16)).join(",")},${opacity})`;

  const FONT = 'system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", Arial, sans-serif';

  /** The layout of a chart; `more` adds to it. */
  function layout(more) {
    const ink = css("--ink");
    return {
      font: { family: FONT, size: 12, color: css("--dim") },
      paper_bgcolor: "rgba(0,0,0,0)",
      plot_bgcolor: "rgba(0,0,0,0)",
      margin: { l: 52, r: 12, t: 8, b: 44 },
      hoverlabel: { bgcolor: css("--card"), bordercolor: css("--line"), font: { family: FONT, size: 12, color: ink }, align: "left" },
      hovermode: "closest",
      dragmode: false,
      showlegend: false,
      legend: { orientation: "h", traceorder: "normal", x: 0, y: 1.02, xanchor: "left", yanchor: "bottom", font: { color: ink } },
      ...more,
    };
  }

  const plainAxis = (more) => ({
    fixedrange: true,
    zeroline: false,
    gridcolor: css("--grid"),
    linecolor: css("--line"),
    tickcolor: css("--line"),
    automargin: true,
    ...more,
    title: { text: more.title || "", standoff: 8 },
  });

  /** The axis of a setting: ticks at its values, as many as there is room for. */
  function settingAxis(axis, pixels, { upright = false, title = "" } = {}) {
    const { positions, labels } = axis;
    const n = positions.length;
    const ends = [positions[0], positions[n - 1]];
    const room = axis.scale === "category" ? 0.5 : (ends[1] - ends[0]) * 0.05 || 0.5;
    const range = [ends[0] - room, ends[1] + room];
    const scale = pixels / (range[1] - range[0]);
    const names = labels.map(shortText);
    const longest = Math.max(...names.map((name) => name.length));
    // Names lean where they would meet, numbers are left out.
    const leaning = !upright && axis.scale === "category" && longest * 6.5 > scale;
    const kept = [];
    let free = -Infinity;
    positions.forEach((position, k) => {
      const half = (upright || leaning ? 16 : 6.5 * names[k].length + 8) / 2 / scale;
      if (position - half >= free) {
        kept.push(k);
        free = position + half;
      }
    });
    return plainAxis({
      title: plainText(title),
      range,
      tickvals: kept.map((k) => positions[k]),
      ticktext: kept.map((k) => names[k]),
      tickangle: leaning ? -35 : 0,
      ticklabeloverflow: "allow", // of a leaning name a part may stand beyond the axis
      showgrid: axis.scale !== "category",
    });
  }

  const shareAxis = (title = "") =>
    plainAxis({ title, range: [-0.03, 1.03], tickvals: [0, 0.25, 0.5, 0.75, 1], ticktext: ["0%", "25%", "50%", "75%", "100%"] });

  /** Draws, and says in words what is drawn. */
  function draw(box, traces, more, words) {
    box.setAttribute("role", "img");
    box.setAttribute("aria-label", words);
    Plotly.react(box, traces, layout(more), { displayModeBar: false, responsive: false });
  }

  /** A box for each axis, in the order of what decides most. */
  function panels(parent) {
    if (parent.childElementCount !== data.axes.length) {
      parent.replaceChildren(
        ...data.first.map((i) => {
          const panel = document.createElement("div");
          const heading = document.createElement("h3");
          heading.textContent = data.axes[i].name;
          const box = document.createElement("div");
          box.className = "chart";
          box.dataset.axis = i;
          const note = document.createElement("p");
          note.className = "note";
          panel.append(heading, box, note);
          return panel;
        }),
      );
    }
    return [...parent.querySelectorAll(".chart")].map((box) => [box, Number(box.dataset.axis)]);
  }

  /** The values of an axis that get a line: all, or some that are evenly chosen. */
  function chosen(j) {
    if (j < 0) return [0];
    const n = data.axes[j].labels.length;
    if (n <= MOST_LINES) return data.axes[j].labels.map((_, k) => k);
    return [...new Set(Array.from({ length: MOST_LINES }, (_, k) => Math.round((k * (n - 1)) / (MOST_LINES - 1))))];
  }

  /** Lines over axis i, one for each chosen value of axis j; `point` gives middle, low and high of a group.

      What is infinite is drawn at `top`: a middle as a triangle, the end of a band cut off. */
  function lines(i, j, point, hover, top = 1) {
    const axis = data.axes[i];
    const named = axis.scale === "category";
    const values = chosen(j);
    const traces = [];
    // One seed says nothing of others.
    const banded = point !== rates || (data.seeds > 1 && !data.exact);
    values.forEach((b, line) => {
      const colour = j < 0 ? css("--accent") : lineColour(data.axes[j], line, values.length);
      const points = [];
      axis.positions.forEach((position, k) => {
        const found = group(i, k, j, b);
        if (!found.runs) return;
        const [middle, low, high] = point(found);
        const which = [`${axis.name} ${axis.labels[k]}`, ...(j < 0 ? [] : [`${data.axes[j].name} ${data.axes[j].labels[b]}`])];
        const shift = named && values.length > 1 ? (line - (values.length - 1) / 2) * Math.min(0.6 / values.length, 0.15) : 0;
        points.push({ x: position + shift, middle: middle === Infinity ? null : middle, never: middle === Infinity, low, high, text: [...which.map(plainText), ...hover(found)].join("<br>") });
      });
      const x = points.map((each) => each.x);
      const name = j < 0 ? "" : shortText(data.axes[j].labels[b]);
      const ends = points.map((each) => [Math.min(each.low, top), Math.min(each.high, top)]);
      if (!named && banded && values.length <= MOST_BANDS) {
        const edge = { x, mode: "lines", line: { width: 0 }, hoverinfo: "skip", showlegend: false, legendgroup: name };
        traces.push({ ...edge, y: ends.map(([low]) => low), meta: "band" });
        traces.push({ ...edge, y: ends.map(([, high]) => high), fill: "tonexty", fillcolor: faint(colour, values.length > 1 ? 0.13 : 0.18), meta: "band" });
      }
      traces.push({
        x,
        y: points.map((each) => each.middle),
        name,
        legendgroup: name,
        mode: named ? "markers" : "lines+markers",
        line: { color: colour, width: 2 },
        marker: { color: colour, size: axis.positions.length > 30 ? 4 : 7 },
        error_y: named && banded
          ? {
              type: "data",
              symmetric: false,
              array: points.map((each, k) => ends[k][1] - (each.never ? top : each.middle)),
              arrayminus: points.map((each, k) => (each.never ? top : each.middle) - ends[k][0]),
              color: colour,
              thickness: 1.5,
              width: 4,
            }
          : { visible: false },
        text: points.map((each) => each.text),
        hoverinfo: "text",
      });
      const never = points.filter((each) => each.never);
      if (never.length) {
        traces.push({
          x: never.map((each) => each.x),
          y: never.map(() => top),
          mode: "markers",
          marker: { color: colour, size: axis.positions.length > 30 ? 6 : 9, symbol: "triangle-up-open" },
          cliponaxis: false,
          showlegend: false,
          legendgroup: name,
          text: never.map((each) => each.text),
          hoverinfo: "text",
          meta: "never",
        });
      }
    });
    return traces;
  }

  const legendFor = (j) => (j < 0 ? {} : { showlegend: true, margin: { l: 52, r: 12, t: 30, b: 44 } });

  function notes(box, i, j, more = []) {
    const said = [data.axes[i].note, ...more];
    if (j >= 0 && data.axes[j].labels.length > MOST_LINES) {
      said.push(`${MOST_LINES} of the ${data.axes[j].labels.length} values of ${data.axes[j].name} have a line.`);
    }
    if (data.axes[i].scale !== "category" && j >= 0 && chosen(j).length > MOST_BANDS) {
      said.push("Bands are left out where there are so many lines; pointing at a dot shows its interval.");
    }
    box.nextElementSibling.textContent = said.filter(Boolean).join(" ");
  }

  /** What is drawn over axis i, in words: the first dozen values. */
  function inWords(what, i, say) {
    const { labels, name } = data.axes[i];
    const told = labels.slice(0, 12).map((label, k) => [label, group(i, k)]).filter(([, found]) => found.runs);
    const more = labels.length > 12 ? `; and ${labels.length - 12} more` : "";
    return `${what} by ${name}. ${told.map(([label, found]) => `${label}: ${say(found)}`).join("; ")}${more}.`;
  }

  // ---- the charts ----

  const rates = (found) => [found.rate, found.low, found.high];

  function drawRates() {
    const j = Number($("rates-by").value);
    for (const [box, i] of panels($("rates-panels"))) {
      const by = i === j ? -1 : j;
      draw(
        box,
        lines(i, by, rates, (found) => [rateText(found)]),
        { xaxis: settingAxis(data.axes[i], box.clientWidth - 70), yaxis: shareAxis(), ...legendFor(by) },
        inWords("Success rate", i, (found) => `${percent(found.rate)}, ${percent(found.low)} to ${percent(found.high)}`),
      );
      notes(box, i, by);
    }
  }

  /** Limits of an axis of numbers that are not all finite, and whether it is logarithmic. */
  function spread(numbers) {
    const finite = numbers.filter((number) => Number.isFinite(number));
    if (!finite.length) return { log: false, low: 0, high: 1, empty: true };
    const low = finite.reduce((a, b) => Math.min(a, b));
    const high = finite.reduce((a, b) => Math.max(a, b));
    if (low > 0 && high / low >= 20) return { log: true, low: low / (high / low) ** 0.05, high: high * (high / low) ** 0.08 };
    const room = (high - low) * 0.08 || Math.abs(high) * 0.08 || 0.5;
    return { log: false, low: low >= 0 ? Math.min(low, Math.max(low - room, 0)) : low - room, high: high + room };
  }

  /** A number at a tick of a logarithmic axis: `0.01`, `1000`, `10⁻⁵`. */
  function power(factor, exponent) {
    if (exponent >= -3 && exponent < 5) return String(Number((factor * 10 ** exponent).toPrecision(3)));
    const raised = String(exponent).replace(/[-0-9]/g, (digit) => "⁻⁰¹²³⁴⁵⁶⁷⁸⁹"["-0123456789".indexOf(digit)]);
    return `${factor === 1 ? "" : `${factor}·`}10${raised}`;
  }

  /** Ticks of a logarithmic axis: powers of ten, or where there is hardly one, 1, 2 and 5 times these. */
  function logAxis(low, high, title) {
    const step = Math.max(Math.ceil(Math.log10(high / low) / 6), 1);
    const factors = Math.log10(high / low) > 1.5 ? [1] : [1, 2, 5];
    const ticks = [];
    for (let exponent = Math.floor(Math.log10(low)); exponent <= Math.log10(high); exponent += 1) {
      if (exponent % step === 0) for (const factor of factors) ticks.push([factor, exponent]);
    }
    return plainAxis({
      title,
      type: "log",
      range: [Math.log10(low), Math.log10(high)],
      tickvals: ticks.map(([factor, exponent]) => factor * 10 ** exponent),
      ticktext: ticks.map(([factor, exponent]) => power(factor, exponent)),
    });
  }

  function measuredAxis({ log, low, high }, title) {
    return log ? logAxis(low, high, title) : plainAxis({ title, range: [low, high] });
  }

  function drawEpochs() {
    $("epochs").hidden = !data.axes[0].groups.epochs.length;
    if ($("epochs").hidden) return;
    const j = Number($("epochs-by").value);
    for (const [box, i] of panels($("epochs-panels"))) {
      const by = i === j ? -1 : j;
      const seen = [];
      data.axes[i].labels.forEach((_, k) => {
        for (const b of chosen(by)) seen.push(...group(i, k, by, b).epochs);
      });
      const limits = spread(seen.filter((number) => number !== null));
      const traces = lines(
        i,
        by,
        (found) => {
          const [low, middle, high] = found.epochs;
          return [middle, low, high];
        },
        (found) => [epochsInWords(found), rateText(found)],
        limits.high,
      );
      draw(
        box,
        traces,
        { xaxis: settingAxis(data.axes[i], box.clientWidth - 70), yaxis: { ...measuredAxis(limits, "epochs"), showticklabels: !limits.empty }, ...legendFor(by) },
        inWords("Epochs to converge", i, epochsInWords),
      );
      notes(box, i, by, limits.empty ? ["Too few runs converge for a quartile."] : []);
    }
  }

  const SHADES = [[0, "#440154"], [0.25, "#3b528b"], [0.5, "#21918c"], [0.75, "#5ec962"], [1, "#fde725"]];

  function drawMap() {
    const [i, j] = [Number($("map-x").value), Number($("map-y").value)];
    const box = $("map-chart");
    const colour = $("map-colour").value;
    const [across, upwards] = [data.axes[i], data.axes[j]];
    const cells = upwards.positions.map((_, b) => across.positions.map((_, k) => group(i, k, j, b)));
    const numbers = cells.map((row) => row.map((found) => (!found.runs ? null : colour === "rate" ? found.rate : found.median(colour))));
    const flat = numbers.flat().filter((number) => number !== null);
    const share = colour === "rate" || colour === "accuracy";
    const limits = share ? { log: false, low: 0, high: 1 } : spread(flat);
    const onScale = (number) => (number === null || !Number.isFinite(number) ? null : limits.log ? Math.log10(number) : number);
    const z = numbers.map((row) => row.map(onScale));
    const finite = z.flat().filter((number) => number !== null);
    const [zmin, zmax] = share ? [0, 1] : finite.length ? [Math.min(...finite), Math.max(...finite)] : [0, 1];
    const text = cells.map((row, b) =>
      row.map((found, k) =>
        !found.runs
          ? ""
          : [`${across.name} ${across.labels[k]}`, `${upwards.name} ${upwards.labels[b]}`].map(plainText).concat(everything(found)).join("<br>"),
      ),
    );
    const narrow = box.clientWidth < 560;
    const cell = (box.clientWidth - (narrow ? 110 : 220)) / across.positions.length;
    const shown = (number) =>
      number === null ? "" : share ? percent(number, 0) : colour === "epochs_to_converge" ? epochsText(number) : short(number);
    const labelled = cell >= (share ? 40 : 52) && upwards.positions.length <= 14;
    const bar = { thickness: 12, outlinewidth: 0, tickcolor: css("--line"), ...(narrow ? { orientation: "h", y: 1.02, yanchor: "bottom" } : {}) };
    if (share) Object.assign(bar, { tickvals: [0, 0.25, 0.5, 0.75, 1], ticktext: ["0%", "25%", "50%", "75%", "100%"] });
    if (limits.log) {
      const ticks = [];
      for (let power = Math.ceil(zmin); power <= Math.floor(zmax); power += 1) ticks.push(power);
      Object.assign(bar, { tickvals: ticks, ticktext: ticks.map((power) => short(10 ** power)) });
    }
    const common = { x: across.positions, y: upwards.positions, hoverinfo: "text", xgap: cell > 28 ? 1 : 0, ygap: cell > 28 ? 1 : 0 };
    const traces = [{ ...common, type: "heatmap", z, hovertext: text, zmin, zmax, colorscale: SHADES, colorbar: bar, showscale: finite.length > 0 }];
    const never = numbers.map((row) => row.map((number) => (number === Infinity ? 1 : null)));
    if (never.flat().some((number) => number !== null)) {
      const grey = css("--never");
      traces.push({ ...common, type: "heatmap", z: never, hovertext: text, colorscale: [[0, grey], [1, grey]], showscale: false });
    }
    if (labelled) {
      for (const trace of traces) {
        trace.text = numbers.map((row, b) => row.map((number, k) => (trace.z[b][k] === null ? "" : shown(number))));
        trace.texttemplate = "%{text}";
        trace.textfont = { size: 11 };
      }
    }
    const rows = { xaxis: settingAxis(across, box.clientWidth - (narrow ? 90 : 200), { title: across.name }), yaxis: settingAxis(upwards, box.clientHeight - 80, { title: upwards.name, upright: true }) };
    for (const axis of [rows.xaxis, rows.yaxis]) Object.assign(axis, { showgrid: false, range: undefined, ticks: "" });
    const title = $("map-colour").selectedOptions[0].textContent;
    const best = cells.flat().filter((found) => found.runs);
    const words = `${title} by ${across.name} and ${upwards.name}: from ${shown(Math.min(...flat))} to ${shown(Math.max(...flat))} in ${best.length} cells.`;
    draw(box, traces, { ...rows, margin: { l: 60, r: 12, t: narrow ? 50 : 8, b: 50 } }, words);
    const gaps = cells.flat().length - best.length;
    const said = [across.note, upwards.note];
    if (gaps) said.push("Combinations without runs stay empty.");
    if (flat.some((number) => number === Infinity)) {
      said.push(colour === "epochs_to_converge" ? "Grey: half of the runs or more never converge." : "Grey: the median is infinite.");
    }
    $("map-note").textContent = said.filter(Boolean).join(" ");
  }

  function drawDecides() {
    const parent = $("decides-charts");
    $("decides-note").hidden = data.decides.length > 0;
    while (parent.childElementCount > data.decides.length) parent.lastElementChild.remove();
    while (parent.childElementCount < data.decides.length) {
      const panel = document.createElement("div");
      panel.append(document.createElement("p"), document.createElement("div"));
      parent.append(panel);
    }
    data.decides.forEach((chart, k) => {
      const [heading, box] = parent.children[k].children;
      heading.className = "lead";
      heading.textContent = chart.title[0].toUpperCase() + chart.title.slice(1) + ".";
      box.className = "chart";
      box.style.height = `${chart.bars.length * 30 + 40}px`;
      const colours = { alone: css("--accent"), together: css("--l1"), rest: css("--never") };
      const names = chart.bars.map((bar) => plainText(bar.label.length > 34 ? `${bar.label.slice(0, 33)}…` : bar.label));
      const most = Math.max(...chart.bars.map((bar) => bar.share), 0.001);
      const traces = [{
        type: "bar",
        orientation: "h",
        x: chart.bars.map((bar) => bar.share),
        y: chart.bars.map((_, at) => at),
        marker: { color: chart.bars.map((bar) => colours[bar.kind]) },
        text: chart.bars.map((bar) => bar.text),
        textposition: "outside",
        cliponaxis: false,
        textfont: { color: css("--ink") },
        hovertext: chart.bars.map((bar) => `${plainText(bar.label)}${bar.kind === "rest" ? "" : ` ${bar.kind}`}: ${bar.text}`),
        hoverinfo: "text",
      }];
      draw(box, traces, {
        bargap: 0.35,
        margin: { l: 10, r: 60, t: 4, b: 4 },
        xaxis: plainAxis({ range: [0, most * 1.08], visible: false }),
        yaxis: plainAxis({ tickvals: names.map((_, at) => at), ticktext: names, range: [names.length - 0.4, -0.6], showgrid: false, ticks: "", tickfont: { color: css("--ink") } }),
      }, `${chart.title}: ${chart.bars.map((bar) => `${bar.label} ${bar.text}`).join("; ")}.`);
    });
  }

  function drawCurves() {
    const curves = data.curves;
    const recorded = curves && !curves.note;
    $("curves-drawn").hidden = !recorded;
    $("curves-note").hidden = Boolean(recorded);
    if (!recorded) {
      $("curves-note").textContent = curves ? curves.note : "This study records no curves. The command at the end of this page keeps them when record.curves=100 is added to it.";
      return;
    }
    const column = $("curves-y").value;
    const j = Number($("curves-by").value);
    const drawn = curves[column];
    const found = j < 0 ? [drawn.all] : drawn.by[j];
    const box = $("curves-chart");
    const traces = [];
    const outcomes = new Set();
    for (const run of drawn.singles) {
      const name = data.outcomes[run.outcome];
      outcomes.add(name);
      traces.push({
        x: run.epochs,
        y: run.values.map((number) => (Number.isFinite(value(number)) ? number : null)),
        mode: "lines",
        line: { color: faint(outcomeColour(name), 0.45), width: 1, shape: "hv" },
        hoverinfo: "skip",
        showlegend: false,
        meta: "single",
      });
    }
    // The thin lines are too pale for a legend.
    for (const name of outcomes) {
      traces.push({ x: [null], y: [null], mode: "lines", line: { color: outcomeColour(name), width: 2 }, name: plainText(name), hoverinfo: "skip", meta: "legend" });
    }
    const tested = curves[`test_${column}`];
    $("curves-tested").hidden = !tested;
    const beside = !tested ? [] : j < 0 ? [tested.all] : tested.by[j];
    const seen = [...found, ...beside].flatMap((line) => line.quartiles.flat()).map(value).filter((number) => number !== null);
    const ends = spread(seen);
    // A single run that explodes must not make all others flat.
    const near = drawn.singles.flatMap((run) => run.values).map(value).filter((number) => number > ends.low / 30 && number < ends.high * 30);
    const limits = column.endsWith("accuracy") ? { log: false, low: -0.03, high: 1.03 } : spread([...seen, ...near]);
    found.forEach((line, k) => {
      const colour = j < 0 ? css("--ink") : lineColour(data.axes[j], k, found.length);
      const [low, middle, high] = line.quartiles.map((column) => column.map((number) => (value(number) === Infinity ? limits.high : number)));
      const name = j < 0 ? "median" : `${shortText(data.axes[j].name)} ${shortText(data.axes[j].labels[line.value])}`;
      const edge = { x: line.epochs, mode: "lines", line: { width: 0, shape: "hv" }, hoverinfo: "skip", showlegend: false, meta: "band" };
      traces.push({ ...edge, y: low }, { ...edge, y: high, fill: "tonexty", fillcolor: faint(colour, 0.14) });
      traces.push({
        x: line.epochs,
        y: middle,
        mode: "lines",
        name,
        line: { color: colour, width: 2.5, shape: "hv" },
        text: line.epochs.map((epoch, at) => `${name}<br>epoch ${short(epoch)}<br>median ${column} ${short(value(line.quartiles[1][at]))}<br>quartiles ${short(value(line.quartiles[0][at]))} and ${short(value(line.quartiles[2][at]))}`),
        hoverinfo: "text",
      });
    });
    beside.forEach((line) => {
      const k = found.findIndex((other) => other.value === line.value);
      const name = `${j < 0 ? "median" : shortText(data.axes[j].labels[line.value])}, held out`;
      traces.push({
        x: line.epochs,
        y: line.quartiles[1].map((number) => (value(number) === Infinity ? limits.high : number)),
        mode: "lines",
        name,
        line: { color: j < 0 ? css("--ink") : lineColour(data.axes[j], k, found.length), width: 2, dash: "dash", shape: "hv" },
        text: line.epochs.map((epoch, at) => `${name}<br>epoch ${short(epoch)}<br>median test_${column} ${short(value(line.quartiles[1][at]))}`),
        hoverinfo: "text",
      });
    });
    const epochs = found.flatMap((line) => line.epochs).filter((epoch) => epoch > 0);
    const along = spread(epochs);
    // On a logarithmic axis the point at epoch 0 has no place.
    const xaxis = along.log
      ? logAxis(Math.min(...epochs), Math.max(...epochs), "epoch")
      : plainAxis({ title: "epoch", range: [0, Math.max(...epochs, 1)] });
    const words = `Median ${column} over the epochs. ${found.map((line) => `${j < 0 ? "all runs" : `${data.axes[j].name} ${data.axes[j].labels[line.value]}`}: from ${short(value(line.quartiles[1][0]))} to ${short(value(line.quartiles[1][line.epochs.length - 1]))}`).join("; ")}.`;
    draw(box, traces, { xaxis, yaxis: measuredAxis(limits, column), showlegend: true, margin: { l: 56, r: 12, t: 44, b: 44 } }, words);
  }

  const outcomeColour = (name) => css(`--o-${name}`) || css("--o-other");

  const CHARTS = [
    ["rates", drawRates],
    ["map", drawMap],
    ["epochs", drawEpochs],
    ["decides", drawDecides],
    ["curves", drawCurves],
  ];

  function drawAll() {
    for (const [id, chart] of CHARTS) if ($(id)) chart();
  }

  // ---- what the reader chooses ----

  function options(id, choices, preferred) {
    const select = $(id);
    if (!select) return;
    const before = select.value;
    select.replaceChildren(...choices.map(([key, text]) => new Option(text, key)));
    const keys = choices.map(([key]) => String(key));
    select.value = keys.includes(before) ? before : String(preferred);
  }

  function fillControls() {
    const named = data.axes.map((axis, i) => [i, axis.name]);
    const optional = [[-1, "nothing: all runs together"], ...named];
    for (const id of ["rates-by", "epochs-by", "curves-by"]) options(id, optional, -1);
    options("map-x", named, data.first[0]);
    options("map-y", named, data.first[1]);
    if (!data.axes.length) return;
    const measured = Object.keys(data.axes[0].groups.medians).map((name) => [name, MEASURES[name]]);
    options("map-colour", [["rate", "success rate"], ...measured], "rate");
    options("curves-y", data.curves && !data.curves.note ? Object.keys(data.curves).map((name) => [name, name]) : [], "loss");
  }

  function listen() {
    const redraw = { "rates-by": drawRates, "epochs-by": drawEpochs, "map-colour": drawMap, "curves-y": drawCurves, "curves-by": drawCurves };
    for (const [id, chart] of Object.entries(redraw)) if ($(id)) $(id).addEventListener("change", chart);
    // The two sides of a map are two settings: choosing one on the other side swaps them.
    let sides = $("map-x") ? [$("map-x").value, $("map-y").value] : [];
    ["map-x", "map-y"].forEach((id, side) => {
      if (!$(id)) return;
      $(id).addEventListener("change", () => {
        if ($("map-x").value === $("map-y").value) $(["map-y", "map-x"][side]).value = sides[side];
        sides = [$("map-x").value, $("map-y").value];
        drawMap();
      });
    });
    let waiting = 0;
    let width = document.body.clientWidth;
    window.addEventListener("resize", () => {
      clearTimeout(waiting);
      waiting = setTimeout(() => {
        if (document.body.clientWidth === width) return; // a phone's address bar comes and goes
        width = document.body.clientWidth;
        drawAll();
      }, 150);
    });
    matchMedia("(prefers-color-scheme: dark)").addEventListener("change", drawAll);
    $("filter").addEventListener("input", filterRows);
    document.querySelector('[data-part="cells"]').addEventListener("click", (event) => {
      const button = event.target.closest("button[data-column]");
      if (button) sortBy(Number(button.dataset.column), sorted.column === Number(button.dataset.column) && !sorted.down);
    });
  }

  // ---- the table of settings ----

  let sorted = { column: -1, down: false };
  let rows = [];

  function takeRows() {
    rows = [...document.querySelectorAll(".cells tbody tr")];
    if (sorted.column >= 0 && sorted.column < data.orders.length) sortBy(sorted.column, sorted.down);
    filterRows();
  }

  function sortBy(column, down) {
    sorted = { column, down };
    const order = down ? [...data.orders[column]].reverse() : data.orders[column];
    document.querySelector(".cells tbody").append(...order.map((k) => rows[k]));
    document.querySelectorAll(".cells th").forEach((heading, k) => {
      heading.setAttribute("aria-sort", k === column ? (down ? "descending" : "ascending") : "none");
    });
  }

  /** Words that a row must contain; `setting=value` is looked for in the column of that setting. */
  function filterRows() {
    const headings = [...document.querySelectorAll(".cells th button")].map((button) => button.textContent.toLowerCase());
    const words = $("filter").value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const texts = [...row.children].map((cell) => cell.textContent.toLowerCase());
      const fits = words.every((word) => {
        const at = headings.indexOf(word.split("=")[0]);
        return at >= 0 && word.includes("=") ? texts[at] === word.slice(word.indexOf("=") + 1) : texts.some((text) => text.includes(word));
      });
      row.hidden = !fits;
      shown += fits;
    }
    $("filter-count").textContent = words.length ? `${shown} of ${rows.length}` : `${rows.length} row${rows.length === 1 ? "" : "s"}`;
  }

  // ---- a page that follows its study ----

  let version = "";

  async function follow() {
    let answer = null;
    let found = null;
    try {
      answer = await fetch("data.json", { headers: version ? { "If-None-Match": version } : {}, cache: "no-store" });
      if (answer.status === 200) found = await answer.json();
    } catch {
      $("state").textContent = "What has served this page has ended. The page shows the last state that it sent.";
      setTimeout(follow, 10000);
      return;
    }
    setTimeout(follow, 2000);
    const training = answer.headers.get("X-Training") === "yes";
    $("state").textContent = training ? "Training goes on; this page follows it." : "Nothing is training now; this page follows when it does.";
    if (found === null) return;
    version = answer.headers.get("ETag") || "";
    take(found);
  }

  function take(found) {
    const same = JSON.stringify(found.data.axes.map((axis) => axis.name)) === JSON.stringify(data.axes.map((axis) => axis.name));
    if (!same) {
      location.reload();
      return;
    }
    const order = data.first;
    data = found.data;
    data.first = order; // panels stay where they are while somebody looks at them
    for (const [part, html] of Object.entries(found.parts)) {
      const place = document.querySelector(`[data-part="${part}"]`);
      if (place && place.innerHTML !== html) place.innerHTML = html; // escaped by the server
    }
    drawAll();
    takeRows();
  }

  fillControls();
  listen();
  drawAll();
  takeRows();
  document.documentElement.dataset.drawn = "yes";
  if (live) follow();
})();
