"use strict";
// Rates of the counters between two looks; what else changes is drawn anew by the server.
(() => {
  const INTERVAL = 2000;
  const live = document.getElementById("live");
  const filter = document.querySelector("#filter input");
  let before = null;
  let failures = 0;
  let next = 0;
  let asked = 0;

  const rate = (now, then, seconds) => {
    // Counters begin again at zero when the process or an operator resets them.
    const value = Math.max(0, now - then) / seconds;
    return value === 0 ? "0" : value < 10 ? value.toFixed(1) : Math.round(value).toString();
  };
  const put = (element, text) => {
    if (element && element.textContent !== text) element.textContent = text;
  };
  const fill = (meter, breaker) => {
    if (!meter) return;
    meter.value = breaker.used;
    meter.max = Math.max(1, breaker.limit);
    meter.title = `${breaker.name}: ${breaker.used} of ${breaker.limit}`;
    meter.setAttribute("aria-label", meter.title);
  };

  const span = (milliseconds) => {
    const seconds = Math.ceil(milliseconds / 1000);
    const [whole, rest] = [Math.floor(seconds / 60), seconds % 60];
    if (whole === 0) return `${rest} s`;
    return rest === 0 ? `${whole} min` : `${whole} min ${rest} s`;
  };
  const words = ({ state, ejection }) => ejection
    ? `${state}: ${ejection.by}, returns in ${span(ejection.returnsInMs)}` : state;
  const query = () => (filter && filter.value ? `filter=${encodeURIComponent(filter.value)}` : "");

  function numbers(backend, then, seconds) {
    const row = document.querySelector(`[data-cluster="${CSS.escape(backend.cluster)}"]`);
    if (!row) return;
    const part = (is) => row.querySelector(`summary [data-is="${is}"]`);
    put(part("usable"), String(backend.usable));
    put(row.querySelector(".why"), backend.why);
    const problem = `[data-problem="${CSS.escape(backend.cluster)}"] .message`;
    put(document.querySelector(problem), backend.why);
    if (then) {
      put(part("rate"), rate(backend.requests, then.requests, seconds));
      const errors = rate(backend.errors, then.errors, seconds);
      put(part("errors"), errors);
      part("errors").parentElement.classList.toggle("hot", errors !== "0");
    }
    const share = (breaker) => breaker.used / Math.max(1, breaker.limit);
    const fullest = backend.breakers.reduce(
      (most, it) => (most && share(most) > share(it) ? most : it), null);
    if (fullest) {
      fill(part("fullest"), fullest);
      put(part("percent"), `${Math.floor(100 * share(fullest))} %`);
    }
    for (const breaker of backend.breakers) {
      const item = row.querySelector(`[data-breaker="${breaker.name}"]`);
      if (!item) continue;
      fill(item.querySelector("meter"), breaker);
      put(item.querySelector('[data-is="used"]'), String(breaker.used));
    }
    for (const endpoint of backend.endpoints) {
      const line = row.querySelector(`[data-address="${CSS.escape(endpoint.address)}"]`);
      if (!line) continue;
      for (const cell of line.querySelectorAll("[data-is]")) {
        const is = cell.dataset.is;
        put(cell, is === "words" ? words(endpoint) : String(endpoint[is]));
      }
    }
  }

  function openTarget() {
    const target = document.getElementById(location.hash.slice(1));
    if (!target || target.tagName !== "DETAILS") return;
    target.open = true;
    target.querySelector("summary").focus();
  }

  // What is open stays open, and the focus stays where it was.
  async function redraw() {
    const answer = await fetch(`./?${query()}`);
    const drawn = new DOMParser().parseFromString(await answer.text(), "text/html");
    const focused = document.activeElement && document.activeElement.closest("details");
    const open = [...document.querySelectorAll("main details[open]")].map((it) => it.id);
    // The filter stays as it is: somebody may be typing.
    for (const part of ["header .counts", "#problems", "#list", "#topology"]) {
      const [old, fresh] = [document.querySelector(part), drawn.querySelector(part)];
      if (old && fresh) old.replaceWith(fresh);
    }
    if (!filter && drawn.getElementById("filter")) location.reload();
    document.getElementById("main").dataset.revision =
      drawn.getElementById("main").dataset.revision;
    document.title = drawn.title;
    for (const id of open) {
      const details = document.getElementById(id);
      if (details) details.open = true;
    }
    const again = focused && document.getElementById(focused.id);
    if (again) again.querySelector("summary").focus();
    const matching = document.querySelector('[data-is="matching"]');
    const counted = drawn.querySelector('[data-is="matching"]');
    if (matching && counted) put(matching, counted.textContent);
  }

  async function look() {
    const mine = ++asked;
    clearTimeout(next);
    try {
      const answer = await fetch(`overview?format=json&${query()}`, { cache: "no-store" });
      if (!answer.ok) throw new Error(String(answer.status));
      const now = await answer.json();
      const main = document.getElementById("main");
      put(document.querySelector('[data-is="up"]'), span(now.uptimeMs - now.uptimeMs % 1000));
      if (now.revision !== main.dataset.revision) await redraw();
      const seconds = before ? (now.uptimeMs - before.uptimeMs) / 1000 : 0;
      const then = new Map();
      if (seconds > 0) for (const it of before.backends) then.set(it.cluster, it);
      for (const backend of now.backends) numbers(backend, then.get(backend.cluster), seconds);
      before = now;
      failures = 0;
      live.classList.remove("lost");
      live.removeAttribute("role");
      put(live, `live, ${new Date().toLocaleTimeString()}`);
    } catch (error) {
      failures += 1;
      live.classList.add("lost");
      live.setAttribute("role", "alert");
      put(live, `no answer for ${failures * INTERVAL / 1000} s: what is shown is old`);
    }
    // A newer look goes on by itself.
    if (mine === asked) next = setTimeout(look, INTERVAL);
  }

  // What is typed is asked for once the fingers rest; the address keeps it.
  function filtered() {
    const search = query();
    history.replaceState(null, "", search ? `?${search}${location.hash}` : `./${location.hash}`);
    clearTimeout(next);
    next = setTimeout(look, 200);
  }

  // "/" goes to the filter; Escape empties it, or closes what the focus is in.
  function key(event) {
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    const typing = event.target.closest("input, select, textarea");
    if (event.key === "/" && filter && !typing) {
      event.preventDefault();
      filter.focus();
      filter.select();
    } else if (event.key === "Escape" && event.target === filter) {
      event.preventDefault();
      filter.value = "";
      filtered();
      filter.blur();
    } else if (event.key === "Escape" && !typing) {
      const details = event.target.closest("details[open]");
      if (!details) return;
      details.open = false;
      details.querySelector("summary").focus();
    }
  }

  if (filter) {
    document.querySelector("#filter button").hidden = true;
    filter.addEventListener("input", filtered);
    filter.form.addEventListener("submit", (event) => event.preventDefault());
  }
  document.addEventListener("keydown", key);
  window.addEventListener("hashchange", openTarget);
  openTarget();
  look();
})();
