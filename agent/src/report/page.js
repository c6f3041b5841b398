"use strict";
// Draws the plots of a report. No library, no network: all there is stands in the element `data`.
(() => {
  const recordings = JSON.parse(document.getElementById("data").textContent).recordings;

  // ---- the data: columns of whole numbers, each as the distance from the one before ----

  /** Sums up; null stays null. */
  const sums = (steps) => {
    let last = 0;
    return steps.map((step) => (step === null ? null : (last += step)));
  };
  const times = (steps) => sums(sums(steps));
  /** A band that was not looked up is that of the reading before. */
  const held = (numbers) => {
    let last = NaN;
    return numbers.map((number) => (number === null ? last : (last = number)));
  };
  const LEVEL = 0.01;

  const columns = (part, digits) => {
    // A power of ten at a time: 0.001 is no exact number, 1000 is.
    const value = digits < 0 ? (x) => x * 10 ** -digits : (x) => x / 10 ** digits;
    const min = sums(part.min);
    const low = sums(part.low);
    return {
      time: times(part.time),
      lo: min.map(value),
      hi: part.max ? min.map((x, i) => value(x + part.max[i])) : min.map(value),
      mean: part.mean ? min.map((x, i) => value(x + part.mean[i])) : min.map(value),
      low: held(low.map((x) => (x === null ? null : value(x)))),
      high: held(low.map((x, i) => (x === null ? null : value(x + part.height[i])))),
      level: sums(part.level).map((x) => x * LEVEL),
      threshold: sums(part.threshold).map((x) => x * LEVEL),
    };
  };

  /** First index at or after x. */
  const lowerBound = (xs, x) => {
    let [a, b] = [0, xs.length];
    while (a < b) {
      const middle = (a + b) >> 1;
      if (xs[middle] < x) a = middle + 1;
      else b = middle;
    }
    return a;
  };

  // ---- numbers and times for people ----

  const plain = (digits) => new Intl.NumberFormat("en", { maximumFractionDigits: digits, minimumFractionDigits: digits });
  const count = (n) => plain(0).format(n);
  const number = (x, digits) => {
    const size = Math.abs(x);
    if (size !== 0 && (size >= 1e7 || size < 1e-4)) return x.toExponential(2);
    return plain(Math.min(Math.max(digits, 0), 8)).format(x);
  };
  /** Digits worth reading of a channel's values: one less than is kept. */
  const value = (lane, x) => number(x, lane.digits - 1) + (lane.unit ? ` ${lane.unit}` : "");
  const MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"];
  const two = (n) => String(n).padStart(2, "0");
  const day = (date) => `${date.getUTCDate()} ${MONTHS[date.getUTCMonth()]}`;
  const clock = (date, step) => {
    const text = `${two(date.getUTCHours())}:${two(date.getUTCMinutes())}`;
    if (step >= 60e3) return text;
    const seconds = `${text}:${two(date.getUTCSeconds())}`;
    return step >= 1e3 ? seconds : `${seconds}.${String(date.getUTCMilliseconds()).padStart(3, "0")}`;
  };
  const nice = (step) => {
    const power = 10 ** Math.floor(Math.log10(step));
    return [1, 2, 5, 10].map((n) => n * power).find((n) => n >= step * 0.999) ?? step;
  };
  const [S, M, H, D] = [1e3, 60e3, 3600e3, 86400e3];
  const STEPS = [
    1, 2, 5, 10, 20, 50, 100, 200, 500, S, 2 * S, 5 * S, 10 * S, 15 * S, 30 * S, M, 2 * M, 5 * M, 10 * M, 15 * M, 30 * M,
    H, 2 * H, 3 * H, 6 * H, 12 * H, D, 2 * D, 7 * D, 14 * D,
  ];
  // ---- canvas ----

  let colour = {};
  let hatching;
  const readColours = () => {
    hatching = undefined;
    const style = getComputedStyle(document.documentElement);
    const names = ["page", "ink", "quiet", "rule", "ground", "grid", "reading", "band", "warning", "critical", "label"];
    colour = Object.fromEntries(names.map((name) => [name, style.getPropertyValue(`--${name}`).trim()]));
    const stops = [1, 2, 3, 4].map((i) => style.getPropertyValue(`--ramp-${i}`).trim().slice(1).match(/../g).map((h) => parseInt(h, 16)));
    colour.ramp = Array.from({ length: 64 }, (_, i) => {
      const at = (i / 63) * 3;
      const k = Math.min(Math.floor(at), 2);
      return `rgb(${stops[k].map((c, j) => Math.round(c + (stops[k + 1][j] - c) * (at - k))).join(",")})`;
    });
  };
  /** Evidence below 0.7 is none: the fusion of experts says so too. */
  const heat = (level) => (level < 0.7 ? null : colour.ramp[Math.min(Math.floor(((level - 0.7) / 5.3) * 63), 63)]);

  const context = (canvas) => {
    const ratio = window.devicePixelRatio || 1;
    const [w, h] = [canvas.clientWidth, canvas.clientHeight];
    if (canvas.width !== Math.round(w * ratio) || canvas.height !== Math.round(h * ratio)) {
      canvas.width = Math.round(w * ratio);
      canvas.height = Math.round(h * ratio);
    }
    const c = canvas.getContext("2d");
    c.setTransform(ratio, 0, 0, ratio, 0, 0);
    c.clearRect(0, 0, w, h);
    c.font = `11px ${getComputedStyle(document.body).fontFamily}`;
    return [c, w, h];
  };
  const mark = (c, x, y, severity) => {
    c.fillStyle = colour[severity];
    c.beginPath();
    if (severity === "critical") [[0, 0], [5, 5], [0, 10], [-5, 5]].forEach(([dx, dy]) => c.lineTo(x + dx, y + dy));
    else [[-5, 1], [5, 1], [0, 9]].forEach(([dx, dy]) => c.lineTo(x + dx, y + dy));
    c.fill();
    c.strokeStyle = colour.page;
    c.lineWidth = 1;
    c.stroke();
  };
  const hatch = (c) => {
    if (hatching) return hatching;
    const tile = document.createElement("canvas");
    tile.width = tile.height = 6;
    const t = tile.getContext("2d");
    t.strokeStyle = colour.label;
    t.lineWidth = 1.4;
    [-6, 0, 6].forEach((dx) => {
      t.moveTo(dx, 6);
      t.lineTo(dx + 6, 0);
    });
    t.stroke();
    return (hatching = c.createPattern(tile, "repeat"));
  };
  /** Visible entries, brought together where several fall on one pixel. */
  const visible = (s, place, from, to) => {
    const out = [];
    const end = Math.min(lowerBound(s.x, to) + 1, s.x.length);
    let last = null;
    for (let i = Math.max(lowerBound(s.x, from) - 1, 0); i < end; i++) {
      const x = place(s.x[i]);
      const gap = i > 0 && s.x[i] - s.x[i - 1] > 8 * Math.max(s.span[i], s.span[i - 1]);
      if (last && Math.floor(last.x) === Math.floor(x)) {
        last.lo = Math.min(last.lo, s.lo[i]);
        last.hi = Math.max(last.hi, s.hi[i]);
        last.mean = (last.mean * last.n + s.mean[i] * s.count[i]) / (last.n + s.count[i]);
        last.n += s.count[i];
        last.low = Math.min(last.low, s.low[i]);
        last.high = Math.max(last.high, s.high[i]);
        last.level = Math.max(last.level, s.level[i]);
        last.span = 0;
      } else {
        last = { x, gap, lo: s.lo[i], hi: s.hi[i], mean: s.mean[i], n: s.count[i], low: s.low[i], high: s.high[i], level: s.level[i], threshold: s.threshold[i], span: s.span[i] };
        out.push(last);
      }
    }
    return out;
  };
  /** A filled ribbon between two lines, broken where there is a gap or nothing to draw. */
  const ribbon = (c, points, under, over) => {
    let run = [];
    const fill = () => {
      if (run.length > 0) {
        c.beginPath();
        run.forEach((p) => c.lineTo(p.x, over(p)));
        run.reverse().forEach((p) => c.lineTo(p.x, under(p)));
        c.fill();
      }
      run = [];
    };
    for (const p of points) {
      if (p.gap) fill();
      if (Number.isFinite(under(p)) && Number.isFinite(over(p))) run.push(p);
      else fill();
    }
    fill();
  };

  const GUTTER = () => parseFloat(getComputedStyle(document.documentElement).getPropertyValue("--gutter"));
  const make = (tag, attributes = {}, ...children) => {
    const element = document.createElement(tag);
    for (const [name, text] of Object.entries(attributes)) element.setAttribute(name, text);
    element.append(...children);
    return element;
  };
  // ---- one recording: its part of the page and its part of the data ----

  const begin = (root, data) => {
    const $ = (selector) => root.querySelector(selector);
    const lanes = data.lanes.map((lane, index) => ({ ...lane, index, alerts: [] }));
    data.alerts.forEach((alert, index) => {
      alert.index = index;
      alert.end = alert.to ?? data.to;
      lanes[alert.lane].alerts.push(alert);
    });

    /**
     * The readings of a channel as one sequence in time: buckets, and single readings where these are there. A bucket of
     * which single readings cover a part stands at the middle of the rest.
     */
    const series = (lane) => {
      if (lane.series) return lane.series;
      const { width, readings } = lane;
      const buckets = columns(lane, lane.digits);
      const spans = buckets.time.map((t, k) => (buckets.time[k + 1] ?? data.to) - t);
      const usual = spans.slice().sort((a, b) => a - b)[spans.length >> 1] ?? 0;
      const out = { x: [], lo: [], hi: [], mean: [], low: [], high: [], level: [], threshold: [], count: [], span: [] };
      const put = (from, k, x, count, span) => {
        for (const name of ["lo", "hi", "mean", "low", "high", "level", "threshold"]) out[name].push(from[name][k]);
        out.x.push(x);
        out.count.push(count);
        out.span.push(span);
      };
      const putBuckets = (from, to) => {
        for (let k = Math.floor(from / width); k * width < to; k++) {
          const [a, b] = [Math.max(from, k * width), Math.min(to, (k + 1) * width)];
          const middle = width > 1 ? ((a + b) / 2 / width - k) * Math.min(spans[k], 1.5 * usual) : 0;
          put(buckets, k, buckets.time[k] + middle, b - a, (usual * (b - a)) / width);
        }
      };
      let next = 0;
      for (const part of lane.windows) {
        const points = columns(part, lane.digits);
        putBuckets(next, part.first);
        points.time.forEach((t, k) => put(points, k, t, 1, usual / width));
        next = part.first + points.time.length;
      }
      putBuckets(next, readings);
      lane.series = out;
      return out;
    };

    const moment = (x) => {
      if (!data.timed) return `row ${count(Math.round(x))}`;
      const date = new Date(x);
      const exact = x % 1000 !== 0 && view.to - view.from < 600e3 ? 1 : x % 60e3 !== 0 ? 1e3 : 60e3;
      return `${day(date)} ${date.getUTCFullYear()} ${clock(date, exact)}`;
    };

    /** Ticks of the time axis: [position, label, whether a day (or year) begins]. */
    const ticks = (from, to, most) => {
      const least = (to - from) / Math.max(most, 1);
      const out = [];
      if (!data.timed) {
        const step = Math.max(nice(least), 1);
        for (let x = Math.ceil(from / step) * step; x <= to; x += step) out.push([x, count(x), false]);
        return out;
      }
      const step = STEPS.find((s) => s >= least);
      if (step && step < 2 * D) {
        for (let x = Math.ceil(from / step) * step; x <= to; x += step) {
          const date = new Date(x);
          const starts = x % D === 0;
          out.push([x, starts ? day(date) : clock(date, step), starts && step < D]);
        }
        return out;
      }
      // Days of the month, months, years: as the calendar has them.
      const months = step ? 0 : ([1, 2, 3, 6, 12, 24, 60, 120].find((m) => m * 30 * D >= least) ?? 600);
      const days = step === 2 * D ? [1, 3, 5, 7, 9, 11, 13, 15, 17, 19, 21, 23, 25, 27, 29] : step === 7 * D ? [1, 8, 15, 22] : [1, 15];
      const first = new Date(from);
      for (let m = first.getUTCFullYear() * 12 + (months ? 0 : first.getUTCMonth()); out.length < 1000; m += months || 1) {
        if (Date.UTC(Math.floor(m / 12), m % 12) > to) break;
        for (const d of months ? [1] : days) {
          const x = Date.UTC(Math.floor(m / 12), m % 12, d);
          if (x < from || x > to || new Date(x).getUTCDate() !== d) continue;
          const date = new Date(x);
          const year = m % 12 === 0 && d === 1;
          out.push([x, year ? String(date.getUTCFullYear()) : months ? MONTHS[m % 12] : day(date), year]);
        }
      }
      return out;
    };

    // ---- what part of the recording is seen ----

    const WHOLE = { from: data.from, to: Math.max(data.to, data.from + 1) };
    const LEAST = Math.max((WHOLE.to - WHOLE.from) / 1e6, data.timed ? 10 : 4);
    const view = { ...WHOLE };
    const MANY = lanes.length > 12;
    let cursor = null;
    const show = (from, to) => {
      const span = Math.min(Math.max(to - from, LEAST), WHOLE.to - WHOLE.from);
      const middle = (from + to) / 2;
      view.from = Math.min(Math.max(middle - span / 2, WHOLE.from), WHOLE.to - span);
      view.to = view.from + span;
      redraw();
    };
    const zoom = (factor, at = (view.from + view.to) / 2) => show(at - (at - view.from) * factor, at + (view.to - at) * factor);
    const pan = (share) => {
      const by = (view.to - view.from) * share;
      const stays = Math.min(Math.max(by, WHOLE.from - view.from), WHOLE.to - view.to);
      show(view.from + stays, view.to + stays);
    };
    const all = () => show(WHOLE.from, WHOLE.to);

    const labelsOf = (lane) => data.labels.filter((label) => label.channel === null || !lane || label.channel === lane.name);
    const drawLabels = (c, lane, place, top, height) => {
      for (const label of labelsOf(lane)) {
        const [a, b] = [place(label.from), place(label.to)];
        c.fillStyle = hatch(c);
        c.fillRect(a, top, Math.max(b - a, 2), height);
        c.fillStyle = colour.label;
        c.fillRect(a, top + height - 1.5, Math.max(b - a, 2), 1.5);
      }
    };

    /** The highest level in each pixel of a strip. */
    const levels = (lane, from, to, width, into) => {
      const s = series(lane);
      const scale = width / (to - from);
      const end = Math.min(lowerBound(s.x, to) + 1, s.x.length);
      for (let i = Math.max(lowerBound(s.x, from) - 1, 0); i < end; i++) {
        if (s.level[i] < 0.7) continue;
        const a = Math.floor((s.x[i] - s.span[i] / 2 - from) * scale);
        const b = Math.max(Math.floor((s.x[i] + s.span[i] / 2 - from) * scale), a);
        for (let p = Math.max(a, 0); p <= Math.min(b, width - 1); p++) if (s.level[i] > into[p]) into[p] = s.level[i];
      }
      return into;
    };
    const drawHeat = (c, width, top, height, level) => {
      c.fillStyle = colour.ground;
      c.fillRect(0, top, width, height);
      for (let p = 0; p < width; p++) {
        const fill = heat(level[p]);
        if (fill) {
          c.fillStyle = fill;
          c.fillRect(p, top, 1, height);
        }
      }
    };
    const drawStrip = (lane) => {
      const [c, w, h] = context(lane.strip);
      if (w < 1) return;
      const width = Math.floor(w);
      const place = (x) => ((x - view.from) / (view.to - view.from)) * w;
      drawHeat(c, width, 3, h - 6, levels(lane, view.from, view.to, width, new Float32Array(width)));
      drawLabels(c, lane, place, 3, h - 6);
      lane.alerts.forEach((alert) => mark(c, place(alert.from), 0, alert.severity));
    };

    const AXIS = 20;
    const drawPlot = (lane) => {
      const [c, w, h] = context(lane.plot);
      const left = GUTTER();
      const width = w - left;
      if (width < 10) return;
      const place = (x) => left + ((x - view.from) / (view.to - view.from)) * width;
      const bottom = h - AXIS;
      // All channels together have no values: only evidence.
      const below = lane.together ? bottom - 16 : Math.round(bottom * 0.25);
      const readings = { top: 12, bottom: lane.together ? 12 : bottom - below - 12 };
      const evidence = { top: bottom - below, bottom };
      const points = visible(series(lane), place, view.from, view.to);
      const inside = points.filter((p) => p.x >= left - 2 && p.x <= w + 2);

      // The scale: all readings, and the band as far as it does not flatten them.
      let [lo, hi] = [Infinity, -Infinity];
      for (const p of inside) {
        lo = Math.min(lo, p.lo);
        hi = Math.max(hi, p.hi);
      }
      if (!(lo <= hi)) [lo, hi] = [0, 1];
      const reach = 0.6 * (hi - lo) || Math.abs(hi) * 0.05 || 1;
      const [least, greatest] = [lo - reach, hi + reach];
      for (const p of inside) {
        if (p.low < lo) lo = Math.max(p.low, least);
        if (p.high > hi) hi = Math.min(p.high, greatest);
      }
      if (lo === hi) [lo, hi] = [least, greatest];
      const room = 0.04 * (hi - lo);
      [lo, hi] = [lo - room, hi + room];
      const y = (v) => readings.bottom - ((v - lo) / (hi - lo)) * (readings.bottom - readings.top);
      const top = Math.max(4, ...inside.map((p) => p.level * 1.05));
      const z = (v) => evidence.bottom - (v / top) * (evidence.bottom - evidence.top);

      // Grid and labels.
      c.lineWidth = 1;
      c.strokeStyle = colour.grid;
      c.fillStyle = colour.quiet;
      const line = (x1, y1, x2, y2) => {
        c.beginPath();
        c.moveTo(x1, y1);
        c.lineTo(x2, y2);
        c.stroke();
      };
      c.textAlign = "right";
      c.textBaseline = "middle";
      const step = nice((hi - lo) / Math.max((readings.bottom - readings.top) / 38, 2));
      const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
      for (let v = Math.ceil(lo / step) * step; v <= hi && !lane.together; v += step) {
        line(left, Math.round(y(v)) + 0.5, w, Math.round(y(v)) + 0.5);
        c.fillText(number(Math.abs(v) < step / 2 ? 0 : v, digits), left - 8, y(v));
      }
      const every = nice(top / 3);
      for (let v = 0; v <= top; v += every) {
        line(left, Math.round(z(v)) + 0.5, w, Math.round(z(v)) + 0.5);
        c.fillText(number(v, every < 1 ? 1 : 0), left - 8, z(v));
      }
      drawTicks(c, place, left, w, readings.top, bottom, h);

      c.save();
      c.beginPath();
      c.rect(left, 0, width, bottom + 0.5);
      c.clip();
      for (const alert of lane.alerts) {
        const [a, b] = [place(alert.from), place(alert.end)];
        if (b < left || a > w) continue;
        c.fillStyle = colour[alert.severity];
        c.globalAlpha = 0.13;
        c.fillRect(a, readings.top, Math.max(b - a, 1), bottom - readings.top);
        c.globalAlpha = 0.8;
        c.fillRect(a - 0.5, readings.top, 1, bottom - readings.top);
        c.globalAlpha = 1;
      }
      for (const fault of labelsOf(lane)) {
        c.fillStyle = colour.label;
        c.globalAlpha = 0.1;
        c.fillRect(place(fault.from), readings.top, Math.max(place(fault.to) - place(fault.from), 1), bottom - readings.top);
        c.globalAlpha = 1;
      }
      drawLabels(c, lane, place, readings.bottom + 3, 7);
      c.save();
      c.beginPath();
      c.rect(left, readings.top, width, lane.together ? 0 : readings.bottom - readings.top);
      c.clip();
      c.fillStyle = colour.band;
      c.globalAlpha = 0.6;
      ribbon(c, points, (p) => y(p.low), (p) => y(p.high));
      c.globalAlpha = 0.45;
      c.fillStyle = colour.reading;
      const scale = width / (view.to - view.from);
      for (const p of points) {
        if (!(p.hi > p.lo)) continue;
        const a = Math.round(p.x - (p.span * scale) / 2);
        const b = Math.max(Math.round(p.x + (p.span * scale) / 2), a + 1);
        c.fillRect(a, y(p.hi), b - a, Math.max(y(p.lo) - y(p.hi), 1));
      }
      c.globalAlpha = 1;
      c.strokeStyle = colour.reading;
      c.lineWidth = 1.3;
      c.lineJoin = "round";
      c.beginPath();
      for (const p of points) {
        if (p.gap) c.moveTo(p.x, y(p.mean));
        else c.lineTo(p.x, y(p.mean));
      }
      c.stroke();
      if (points.length * 7 < width) {
        c.fillStyle = colour.reading;
        for (const p of points) c.fillRect(p.x - 1.75, y(p.mean) - 1.75, 3.5, 3.5);
      }
      c.restore();

      c.fillStyle = colour.warning;
      c.globalAlpha = 0.55;
      ribbon(c, points, () => z(0), (p) => z(p.level));
      c.globalAlpha = 1;
      c.strokeStyle = colour.warning;
      c.lineWidth = 1;
      c.beginPath();
      for (const p of points) {
        if (p.gap) c.moveTo(p.x, z(p.level));
        else c.lineTo(p.x, z(p.level));
      }
      c.stroke();
      c.setLineDash([3, 3]);
      c.strokeStyle = colour.quiet;
      c.beginPath();
      for (const p of points) c.lineTo(p.x, p.threshold > 0 ? Math.max(z(p.threshold), evidence.top - 6) : NaN);
      c.stroke();
      c.setLineDash([]);
      lane.alerts.forEach((alert) => mark(c, place(alert.from), 1, alert.severity));
      c.restore();

      c.textAlign = "left";
      c.textBaseline = "middle";
      c.fillStyle = colour.page;
      c.fillRect(left + 3, evidence.top - 8, c.measureText("evidence").width + 5, 14);
      c.fillStyle = colour.quiet;
      c.fillText("evidence", left + 5, evidence.top);

      if (cursor !== null && cursor >= view.from && cursor <= view.to) {
        const x = Math.round(place(cursor)) + 0.5;
        c.strokeStyle = colour.quiet;
        line(x, readings.top, x, bottom);
      }
      if (dragged) {
        c.fillStyle = colour.reading;
        c.globalAlpha = 0.15;
        const [a, b] = [place(dragged.from), place(dragged.to)];
        c.fillRect(Math.min(a, b), readings.top, Math.abs(b - a), bottom - readings.top);
        c.globalAlpha = 1;
      }
      readOut(lane);
    };
    const drawTicks = (c, place, left, right, top, bottom, h) => {
      c.textBaseline = "alphabetic";
      c.textAlign = "center";
      const list = ticks(view.from, view.to, (right - left) / 78);
      for (const [x, text, begins] of list) {
        const at = Math.round(place(x)) + 0.5;
        if (bottom > top) {
          c.strokeStyle = begins ? colour.rule : colour.grid;
          c.beginPath();
          c.moveTo(at, top);
          c.lineTo(at, bottom);
          c.stroke();
        }
        const half = c.measureText(text).width / 2;
        c.fillStyle = begins ? colour.ink : colour.quiet;
        c.fillText(text, Math.min(Math.max(at, left + half), right - half), h - 5);
      }
    };

    /** What stands beside a plot: the reading under the cursor, or the channel as a whole. */
    const readOut = (lane) => {
      const s = series(lane);
      const out = lane.read;
      if (cursor === null || s.x.length === 0) {
        out.when.textContent = "";
        out.value.textContent = lane.together ? "" : `${count(lane.readings)} readings`;
        out.expected.textContent = lane.width > 1 ? `up to ${count(lane.width)} a step` : "each one shown";
        out.evidence.textContent = out.together.textContent = "";
        return;
      }
      let i = lowerBound(s.x, cursor);
      if (i > 0 && (i === s.x.length || cursor - s.x[i - 1] < s.x[i] - cursor)) i -= 1;
      out.when.textContent = moment(s.count[i] > 1 ? s.x[i] - s.span[i] / 2 : s.x[i]);
      const several = s.hi[i] > s.lo[i];
      out.value.textContent = lane.together ? "" : several ? `${number(s.lo[i], lane.digits - 1)} to ${value(lane, s.hi[i])}` : value(lane, s.mean[i]);
      const known = Number.isFinite(s.low[i]);
      out.expected.textContent = lane.together ? "" : known ? `expected ${number(s.low[i], lane.digits - 1)} to ${value(lane, s.high[i])}` : "not known yet";
      out.evidence.textContent = `evidence ${s.level[i].toFixed(1)}`;
      out.together.textContent = s.count[i] > 1 ? `${count(s.count[i])} readings together` : "";
    };

    const drawMap = () => {
      const [c, w, h] = context($(".map"));
      const width = Math.floor(w);
      if (width < 1) return;
      if (drawMap.width !== width) {
        drawMap.level = new Float32Array(width);
        if (!MANY) lanes.forEach((lane) => levels(lane, WHOLE.from, WHOLE.to, width, drawMap.level));
        drawMap.open = new Float32Array(width);
        for (const alert of data.alerts) {
          const [a, b] = [alert.from, alert.end].map((x) => Math.floor(((x - WHOLE.from) / (WHOLE.to - WHOLE.from)) * (width - 1)));
          for (let p = a; p <= b; p++) drawMap.open[p] += 1;
        }
        drawMap.width = width;
      }
      const place = (x) => ((x - WHOLE.from) / (WHOLE.to - WHOLE.from)) * w;
      drawHeat(c, width, 8, h - 12, drawMap.level);
      drawLabels(c, null, place, 8, h - 12);
      if (MANY) {
        // So many channels are never quiet all at once: how many alerts are open says more.
        const most = drawMap.open.reduce((a, b) => Math.max(a, b), 1);
        c.fillStyle = colour.warning;
        drawMap.open.forEach((open, p) => {
          const height = (h - 12) * Math.sqrt(open / most);
          c.fillRect(p, h - 4 - height, 1, height);
        });
      } else {
        data.alerts.forEach((alert) => mark(c, place(alert.from), 0, alert.severity));
      }
      if (view.to - view.from < (WHOLE.to - WHOLE.from) * 0.999) {
        const [a, b] = [place(view.from), place(view.to)];
        c.fillStyle = colour.page;
        c.globalAlpha = 0.65;
        c.fillRect(0, 0, a, h);
        c.fillRect(b, 0, w - b, h);
        c.globalAlpha = 1;
        c.strokeStyle = colour.reading;
        c.lineWidth = 1.5;
        c.strokeRect(a + 0.75, 4.75, Math.max(b - a - 1.5, 1), h - 6.5);
      }
      const [ca, cw, ch] = context($(".axis"));
      ca.fillStyle = colour.grid;
      ca.beginPath();
      [[place(view.from), 0], [place(view.to), 0], [cw, 6], [0, 6]].forEach(([x, y]) => ca.lineTo(x, y));
      ca.fill();
      const now = (x) => ((x - view.from) / (view.to - view.from)) * cw;
      ca.lineWidth = 1;
      drawTicks(ca, now, 0, cw, 1, 0, ch);
    };

    // ---- drawing when there is something to see ----

    const seen = new Set();
    const observer = new IntersectionObserver(
      (entries) => {
        for (const entry of entries) {
          if (entry.isIntersecting) seen.add(entry.target);
          else seen.delete(entry.target);
        }
        redraw();
      },
      { rootMargin: "200px" },
    );
    let due = false;
    const draw = () => {
      due = false;
      drawMap();
      seen.forEach((canvas) => canvas.paint());
    };
    const redraw = () => {
      if (!due) requestAnimationFrame(draw);
      due = true;
    };

    // ---- pointer, wheel, keys ----

    let dragged = null;
    /** Makes a canvas a way to look around; `at` gives the moment under a pixel from its left edge. */
    const handle = (canvas, at, window_) => {
      const fingers = new Map();
      let moved = null;
      const here = (event) => at(event.clientX - canvas.getBoundingClientRect().left);
      canvas.addEventListener("pointerdown", (event) => {
        if (event.button !== 0 && event.button !== 1) return;
        canvas.setPointerCapture(event.pointerId);
        fingers.set(event.pointerId, event.clientX);
        if (event.pointerType === "touch" || event.shiftKey || event.button === 1) moved = { x: event.clientX };
        else dragged = { from: here(event), to: here(event), start: event.clientX };
        canvas.focus({ preventScroll: true });
        event.preventDefault();
      });
      canvas.addEventListener("pointermove", (event) => {
        const before = fingers.get(event.pointerId);
        const width = canvas.clientWidth - (window_ ? 0 : GUTTER());
        if (before !== undefined && fingers.size === 2) {
          const [other] = [...fingers].filter(([id]) => id !== event.pointerId).map(([, x]) => x);
          const factor = Math.abs(before - other) / Math.max(Math.abs(event.clientX - other), 8);
          zoom(Math.min(Math.max(factor, 0.5), 2), at((event.clientX + other) / 2 - canvas.getBoundingClientRect().left));
        } else if (before !== undefined && moved) {
          pan((before - event.clientX) / width);
        } else if (dragged) {
          dragged.to = here(event);
        }
        if (before !== undefined) fingers.set(event.pointerId, event.clientX);
        cursor = Math.min(Math.max(here(event), view.from), view.to);
        redraw();
      });
      const up = (event) => {
        fingers.delete(event.pointerId);
        if (dragged && Math.abs(event.clientX - dragged.start) > 5) show(Math.min(dragged.from, dragged.to), Math.max(dragged.from, dragged.to));
        dragged = null;
        if (fingers.size === 0) moved = null;
        redraw();
      };
      canvas.addEventListener("pointerup", up);
      canvas.addEventListener("pointercancel", up);
      canvas.addEventListener("pointerleave", () => {
        cursor = null;
        redraw();
      });
      canvas.addEventListener("dblclick", all);
      canvas.addEventListener(
        "wheel",
        (event) => {
          // The wheel belongs to the page until a plot was clicked.
          if (event.ctrlKey || event.metaKey || document.activeElement === canvas) {
            if (Math.abs(event.deltaX) > Math.abs(event.deltaY)) pan(event.deltaX / 600);
            else zoom(Math.exp(Math.min(Math.max(event.deltaY, -120), 120) / (event.ctrlKey ? 150 : 350)), here(event));
          } else if (event.shiftKey || Math.abs(event.deltaX) > Math.abs(event.deltaY)) {
            pan((event.deltaX || event.deltaY) / 600);
          } else return;
          event.preventDefault();
        },
        { passive: false },
      );
      canvas.addEventListener("keydown", (event) => {
        const keys = {
          ArrowLeft: () => pan(-0.2), ArrowRight: () => pan(0.2), "+": () => zoom(0.5), "=": () => zoom(0.5),
          "-": () => zoom(2), 0: all, Home: all, Escape: () => canvas.blur(),
        };
        const act = event.ctrlKey || event.metaKey || event.altKey ? undefined : keys[event.key];
        if (!act) return;
        act();
        event.preventDefault();
      });
    };

    const score = (lane) => Math.max(0, ...lane.alerts.map((alert) => alert.score));
    const inWords = (lane) => {
      const n = lane.alerts.length;
      return n === 0 ? "no alerts" : n === 1 ? "1 alert" : `${count(n)} alerts`;
    };

    const build = (lane) => {
      lane.worst = score(lane);
      lane.name_ = lane.name.toLowerCase();
      lane.button = make("button", { type: "button", class: "name", "aria-expanded": "false", title: lane.name }, lane.name || "(no name)");
      if (lane.together) lane.button.append(make("small", {}, " all channels together"));
      if (lane.unit) lane.button.append(make("small", {}, ` ${lane.unit}`));
      lane.strip = make("canvas", { class: "strip", role: "img", "aria-label": `${lane.name}: evidence over time, ${inWords(lane)}` });
      lane.strip.paint = () => drawStrip(lane);
      const end = make("span", { class: "end" });
      if (lane.alerts.length > 0) end.append(make("b", {}, inWords(lane)), ` · ${lane.worst.toFixed(1)}`);
      lane.element = make("article", { class: "channel" }, make("div", { class: "row head" }, lane.button, lane.strip, end));
      lane.button.addEventListener("click", () => (lane.panel ? close(lane) : open(lane)));
      handle(lane.strip, (px) => view.from + (px / lane.strip.clientWidth) * (view.to - view.from), true);
      observer.observe(lane.strip);
    };
    const open = (lane) => {
      if (lane.panel) return;
      
      lane.read = { when: make("dt"), value: make("dd", { class: "value" }), expected: make("dd"), evidence: make("dd"), together: make("dd") };
      const box = make("dl", { class: "read" }, ...Object.values(lane.read));
      lane.plot = make("canvas", {
        class: "plot", tabindex: "0", role: "img",
        "aria-label": `${lane.name}: ${count(lane.readings)} readings with the expected band, evidence below; ${inWords(lane)}. Arrows move, plus and minus zoom, 0 shows all.`,
      });
      lane.plot.paint = () => drawPlot(lane);
      const jump = make("ul", { class: "jump", "aria-label": "Alerts of this channel" });
      for (const alert of lane.alerts.slice(0, 100)) {
        const link = make("a", { href: `#${rows[alert.index].id}`, class: alert.severity, title: alert.sentence }, label(alert));
        link.addEventListener("click", (event) => {
          event.preventDefault();
          look(alert);
        });
        jump.append(make("li", {}, link));
      }
      lane.panel = make("div", { class: "row panel" }, box, lane.plot, jump);
      lane.element.append(lane.panel);
      lane.element.classList.add("open");
      lane.button.setAttribute("aria-expanded", "true");
      handle(lane.plot, (px) => view.from + ((px - GUTTER()) / (lane.plot.clientWidth - GUTTER())) * (view.to - view.from), false);
      observer.observe(lane.plot);
    };
    const close = (lane) => {
      observer.unobserve(lane.plot);
      seen.delete(lane.plot);
      lane.panel.remove();
      lane.panel = lane.plot = null;
      lane.element.classList.remove("open");
      lane.button.setAttribute("aria-expanded", "false");
      redraw();
    };
    const label = (alert) => {
      if (!data.timed) return `row ${count(alert.from)}`;
      const date = new Date(alert.from);
      return `${day(date)} ${clock(date, 60e3)}`;
    };

    // Which channels are listed, and in which order.
    const MOST = 40;
    let limit = MOST;
    const orders = {
      worst: (a, b) => b.worst - a.worst || highest(b) - highest(a),
      alerts: (a, b) => b.alerts.length - a.alerts.length || b.worst - a.worst,
      first: (a, b) => (a.alerts[0]?.from ?? Infinity) - (b.alerts[0]?.from ?? Infinity) || 0,
      name: (a, b) => a.name.localeCompare(b.name, "en", { numeric: true }),
      given: (a, b) => a.index - b.index,
    };
    const highest = (lane) => (lane.highest ??= sums(lane.level).reduce((most, level) => Math.max(most, level), 0) * LEVEL);
    const arrange = () => {
      const words = $(".filter").value.toLowerCase().split(/\s+/).filter(Boolean);
      const fits = lanes.filter((lane) => words.every((word) => lane.name_.includes(word)));
      fits.sort(orders[$(".sort").value]);
      const listed = fits.slice(0, limit);
      $(".channels").replaceChildren(...listed.map((lane) => lane.element));
      $(".plots .more").hidden = listed.length === fits.length;
      $(".plots .more").textContent = `Show all ${count(fits.length)} channels`;
      $(".shown").textContent = lanes.length > 1 ? `${count(listed.length)} of ${count(lanes.length)} channels` : "";
      redraw();
      return listed;
    };

    /** Goes to an alert: its channel open, some time before and after it. */
    const look = (alert) => {
      const lane = lanes[alert.lane];
      if (!lane.element.isConnected) {
        $(".filter").value = "";
        limit = Infinity;
        arrange();
      }
      open(lane);
      const lasted = alert.end - alert.from;
      const reading = (WHOLE.to - WHOLE.from) / Math.max(lane.readings, 1);
      const near = lane.width === 1 || lane.windows.some((part) => alert.from >= part.time[0] && alert.from <= times(part.time).at(-1));
      const around = Math.max(lasted, 60 * reading * (near ? 1 : lane.width));
      show(alert.from - around, alert.end + around);
      choose(rows[alert.index]);
      lane.element.scrollIntoView({ block: "center" });
      lane.plot.focus({ preventScroll: true });
    };


    const choose = (row) => {
      root.querySelectorAll("tr.chosen").forEach((chosen) => chosen.classList.remove("chosen"));
      row?.classList.add("chosen");
    };
    const table = (name, items, go) => {
      const rows = [...root.querySelectorAll(`.${name} tbody tr[id]`)];
      rows.forEach((row, index) =>
        row.querySelector("a").addEventListener("click", (event) => {
          event.preventDefault();
          go(items[index], row);
        }),
      );
      return rows;
    };
    const rows = table("alerts", data.alerts, (alert) => look(alert));
    table("faults", data.labels, (fault, row) => {
      choose(row);
      show(fault.from - (fault.to - fault.from), fault.to + (fault.to - fault.from));
      $(".navigator").scrollIntoView({ block: "start" });
    });
    // Short at first.
    const FEW = 30;
    if (rows.length > FEW) {
      rows.slice(FEW).forEach((row) => (row.hidden = true));
      const button = make("button", { type: "button", class: "more" }, `Show all ${count(rows.length)} alerts`);
      $(".alerts").after(button);
      button.addEventListener("click", () => {
        rows.forEach((row) => (row.hidden = false));
        button.remove();
      });
    }

    $(".plots").append(document.getElementById("plots").content.cloneNode(true));
    lanes.forEach(build);
    $(".labelled").hidden = data.labels.length === 0;
    $(".plots").classList.toggle("single", lanes.length === 1);
    if (lanes.length === 1) for (const tool of [$(".filter"), $(".sort").parentElement]) tool.hidden = true;
    arrange().slice(0, MANY ? 1 : lanes.length).forEach(open);
    $(".filter").addEventListener("input", arrange);
    $(".sort").addEventListener("change", arrange);
    $(".plots .more").addEventListener("click", () => {
      limit = Infinity;
      arrange();
    });
    const map = $(".map");
    handle(map, (px) => WHOLE.from + (px / map.clientWidth) * (WHOLE.to - WHOLE.from), true);
    const buttons = { in: () => zoom(0.5), out: () => zoom(2), back: () => pan(-0.5), on: () => pan(0.5), all };
    root.querySelectorAll("[data-zoom]").forEach((button) => button.addEventListener("click", () => buttons[button.dataset.zoom]()));
    new ResizeObserver(redraw).observe(root);
    /** Draws what is open though it is out of sight. */
    const print = () => {
      drawMap();
      for (const lane of lanes.filter((lane) => lane.element.isConnected)) {
        drawStrip(lane);
        if (lane.plot) drawPlot(lane);
      }
    };
    return { redraw, print, look: (index) => data.alerts[index] && look(data.alerts[index]) };
  };

  // ---- which recording is seen, and in which light ----

  const roots = [...document.querySelectorAll(".recording")];
  const begun = [];
  let current = 0;
  const choose = (index) => {
    current = index;
    roots.forEach((root, i) => (root.hidden = i !== index));
    begun[index] ??= begin(roots[index], recordings[index]);
    document.querySelectorAll(".recordings tbody tr").forEach((row, i) => row.classList.toggle("chosen", i === index));
    begun[index].redraw();
  };
  document.querySelectorAll(".recordings tbody a").forEach((link, index) =>
    link.addEventListener("click", (event) => {
      event.preventDefault();
      choose(index);
      roots[index].scrollIntoView({ block: "start" });
    }),
  );

  const root = document.documentElement;
  const dark = () => (root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches);
  const button = document.getElementById("theme");
  const lit = () => {
    readColours();
    button.textContent = dark() ? "Light" : "Dark";
    begun[current]?.redraw();
  };
  button.hidden = false;
  button.addEventListener("click", () => {
    root.dataset.theme = dark() ? "light" : "dark";
    lit();
  });
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", lit);
  // Paper is light.
  let before;
  addEventListener("beforeprint", () => {
    before = root.dataset.theme;
    root.dataset.theme = "light";
    lit();
    begun[current].print();
  });
  addEventListener("afterprint", () => {
    if (before) root.dataset.theme = before;
    else delete root.dataset.theme;
    lit();
  });
  lit();
  const wanted = /^#alert-(\d+)-(\d+)$/.exec(location.hash);
  choose(wanted && roots[wanted[1]] ? Number(wanted[1]) : 0);
  if (wanted) begun[current].look(Number(wanted[2]));
})();
