// The list of questions and their traces. Everything from outside is set as text, never as markup.
(function () {
  "use strict";
  const PAGE = 100;
  const find = function (id) { return document.getElementById(id); };
  const data = JSON.parse(find("data").textContent);
  const pictures = JSON.parse(find("pictures").textContent);
  const losses = Object.keys(data.losses);
  const runs = data.runs;
  const questions = data.questions;
  questions.forEach(function (q, at) {
    q.at = at;
    q.text = [q.id, q.category, q.question].concat(q.gold, q.evidence, q.runs.map(function (r) { return r ? r.answer : ""; }))
      .join("\n").toLocaleLowerCase();
  });
  let chosen = [];
  let shown = PAGE;
  let columns = runs.map(function (_, n) { return n; }).slice(0, 3);
  let open = -1;
  let opener = null;
  let replaced = false;

  function el(name, options) {
    const node = document.createElement(name);
    const given = options || {};
    Object.keys(given).forEach(function (key) {
      const value = given[key];
      if (value === undefined || value === null || value === false) return;
      if (key === "text") node.textContent = value;
      else if (key === "on") node.addEventListener("click", value);
      else node.setAttribute(key, value === true ? "" : String(value));
    });
    for (let n = 2; n < arguments.length; n++) {
      [].concat(arguments[n]).forEach(function (child) { if (child !== null && child !== undefined && child !== "") node.append(child); });
    }
    return node;
  }
  function mark(run) {
    const made = document.querySelectorAll("#overall tbody .mark")[run];
    return made ? made.cloneNode(true) : "";
  }
  function picture(key, alt) {
    return pictures[key] ? el("img", { src: pictures[key], alt: alt, decoding: "async" }) : null;
  }
  function link(url, text) {
    let address = null;
    try { address = new URL(url); } catch (error) { address = null; }
    if (!address || !/^https?:$/.test(address.protocol)) return el("span", { text: text || url });
    return el("a", { href: address.href, rel: "noopener noreferrer nofollow", target: "_blank", text: text || url });
  }
  function figure(value, digits) { return value === undefined || value === null ? "–" : Number(value).toFixed(digits); }
  function words(outcome) {
    if (!outcome) return "not asked";
    return outcome.right ? "right" : "wrong: " + (outcome.loss || "");
  }
  function chip(outcome) {
    const kind = !outcome ? "none" : outcome.right ? "right" : "l" + losses.indexOf(outcome.loss);
    const sign = !outcome ? "–" : outcome.right ? "✓" : outcome.loss === "wrongly abstained" ? "?" : outcome.loss === "failed" ? "!" : "✗";
    return el("span", { class: "chip " + kind, title: words(outcome) },
      el("span", { "aria-hidden": "true", text: sign }), el("span", { class: "unseen", text: words(outcome) }));
  }

  // the list
  const filters = { words: find("words"), category: find("category"), run: find("run"), result: find("result"), order: find("order") };
  function fits(outcome, result) {
    if (!result) return true;
    if (!outcome) return false;
    return result === "right" ? outcome.right : result === "wrong" ? !outcome.right : outcome.loss === result;
  }
  function choose() {
    const wanted = filters.words.value.trim().toLocaleLowerCase().split(/\s+/).filter(Boolean);
    const category = filters.category.value, run = filters.run.value, result = filters.result.value;
    chosen = questions.filter(function (q) {
      if (category && q.category !== category) return false;
      if (!wanted.every(function (word) { return q.text.includes(word); })) return false;
      const of = run === "" ? q.runs : [q.runs[run]];
      if (result === "split") return q.runs.some(function (r) { return r && r.right; }) && q.runs.some(function (r) { return r && !r.right; });
      return of.some(function (r) { return r && fits(r, result); });
    });
    const order = filters.order.value;
    const most = function (q, key) {
      const of = run === "" ? q.runs : [q.runs[run]];
      return Math.max.apply(null, of.map(function (r) { return r && r[key] != null && (key !== "confidence" || !r.right) ? r[key] : -1; }));
    };
    const rank = {
      wrong: function (q) { return -q.runs.filter(function (r) { return r && !r.right; }).length; },
      seconds: function (q) { return -most(q, "seconds"); },
      calls: function (q) { return -most(q, "calls"); },
      sure: function (q) { return -most(q, "confidence"); }
    }[order];
    if (rank) chosen.sort(function (a, b) { return rank(a) - rank(b) || a.at - b.at; });
    if (order === "category") chosen.sort(function (a, b) { return a.category.localeCompare(b.category) || a.at - b.at; });
    shown = PAGE;
    list();
  }
  function list() {
    const body = find("list").tBodies[0];
    body.replaceChildren.apply(body, chosen.slice(0, shown).map(function (q) {
      const row = el("tr", {},
        el("td", { class: "thumb" }, q.pictures.length ? picture(q.pictures[0], "") : null),
        el("th", { scope: "row" },
          el("button", { type: "button", class: "open", text: q.question, dir: "auto", "data-at": q.at }),
          el("span", { class: "fine", text: q.category.replace(/_/g, " ") + " · " + q.id })),
        el("td", { class: "roomy", dir: "auto", text: expected(q) }),
        q.runs.map(function (r) { return el("td", { class: "verdict" }, chip(r)); }));
      row.addEventListener("click", function () { show(q.at, row.querySelector("button")); });
      return row;
    }));
    find("count").textContent = chosen.length + " of " + questions.length + " questions";
    find("more").hidden = chosen.length <= shown;
    find("more").textContent = "Show " + Math.min(PAGE, chosen.length - shown) + " more";
  }
  function expected(q) { return q.type === "abstain" ? "cannot be told" : q.gold[0] || "–"; }

  // a trace
  async function unpack(at) {
    const bytes = Uint8Array.from(atob(find("trace-" + at).textContent), function (sign) { return sign.charCodeAt(0); });
    const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
    return JSON.parse(await new Response(stream).text());
  }
  async function show(at, from) {
    const dialog = find("trace");
    if (from) opener = from;
    open = at;
    const q = questions[at];
    let views;
    try { views = await unpack(at); } catch (error) {
      views = runs.map(function () { return { error: "This browser cannot unpack the traces of this page." }; });
    }
    if (open !== at) return;
    find("trace-body").replaceChildren(head(q), told(q), picker(at), sides(q, views));
    if (!dialog.open) dialog.showModal();
    dialog.scrollTop = 0;
    history.replaceState(null, "", "#question=" + encodeURIComponent(q.id));
    replaced = true;
    find("trace-title").focus();
  }
  function neighbour(by) {
    const place = chosen.findIndex(function (q) { return q.at === open; });
    const next = chosen[place + by];
    return place < 0 ? null : next || null;
  }
  function step(by) { const next = neighbour(by); if (next) show(next.at); }
  function head(q) {
    const place = chosen.findIndex(function (one) { return one.at === q.at; });
    return el("header", { class: "trace-head" },
      el("p", { class: "fine", text: q.category.replace(/_/g, " ") + " · " + q.id + (place < 0 ? "" : " · " + (place + 1) + " of " + chosen.length) }),
      el("div", { class: "trace-buttons" },
        el("button", { type: "button", text: "← Previous", disabled: !neighbour(-1), on: function () { step(-1); } }),
        el("button", { type: "button", text: "Next →", disabled: !neighbour(1), on: function () { step(1); } }),
        el("button", { type: "button", text: "Close", on: function () { find("trace").close(); } })));
  }
  function told(q) {
    return el("section", { class: "asked" },
      q.pictures.length ? el("div", { class: "asked-pictures" }, q.pictures.map(function (key, n) { return picture(key, "Picture " + (n + 1) + " of the question"); })) : null,
      el("div", {},
        el("h2", { id: "trace-title", tabindex: "-1", dir: "auto", text: q.question }),
        el("dl", { class: "facts" },
          fact("Expected", q.type === "abstain" ? "that it cannot be told" : q.gold.join(" · ") || "–"),
          fact("Judged as", q.type.replace(/_/g, " ")),
          q.evidence.length ? fact("Evidence", q.evidence.join(" · ")) : null,
          q.hops ? fact("Hops", q.hops) : null)));
  }
  function fact(name, value) { return el("div", {}, el("dt", { text: name }), el("dd", { dir: "auto" }, value instanceof Node ? value : String(value))); }
  function picker(at) {
    if (runs.length < 2) return "";
    return el("div", { class: "picker", role: "group", "aria-label": "Runs side by side" }, runs.map(function (name, run) {
      return el("button", {
        type: "button", "aria-pressed": String(columns.includes(run)), "data-run": run,
        on: async function () {
          columns = columns.includes(run) ? columns.filter(function (one) { return one !== run; }) : columns.concat(run);
          columns.sort(function (a, b) { return a - b; });
          await show(at);
          const again = document.querySelector(".picker [data-run='" + run + "']");
          if (again) again.focus();
        }
      }, mark(run), el("span", { text: name }), chip(questions[at].runs[run]));
    }));
  }
  function sides(q, views) {
    return el("div", { class: "sides", tabindex: "0", role: "region", "aria-label": "Traces" },
      columns.length ? columns.map(function (run) { return side(q, run, views[run]); }) : el("p", { class: "fine", text: "Choose a run above." }));
  }
  function section(title, nodes, open) {
    const inside = nodes.filter(Boolean);
    if (!inside.length) return null;
    return el("details", { open: open }, el("summary", { text: title }), inside);
  }
  function side(q, run, view) {
    const outcome = q.runs[run];
    const root = el("article", { class: "side", "aria-label": runs[run] });
    root.append(el("h3", {}, mark(run), el("span", { text: runs[run] })));
    if (!outcome) { root.append(el("p", { class: "fine", text: "This run was not asked the question." })); return root; }
    root.append(el("p", { class: "outcome " + (outcome.right ? "good" : "bad") }, chip(outcome), " " + words(outcome)));
    const seen = view || {};
    root.append(el("p", { class: (seen.answer || "").length > 120 ? "answer long" : "answer", dir: "auto" }, answer(run, seen, outcome)));
    if (seen.error) root.append(el("p", { class: "error", text: seen.error }));
    const usage = seen.usage || {};
    root.append(el("dl", { class: "facts" },
      fact("Status", (seen.status || outcome.status || "–").replace(/_/g, " ") + (seen.stop && seen.stop !== seen.status ? ", " + seen.stop.replace(/_/g, " ") : "")),
      seen.confidence !== undefined ? fact("Confidence", figure(seen.confidence, 2)) : null,
      usage.model_calls !== undefined ? fact("Model calls", usage.model_calls) : null,
      fact("Searches", outcome.searches),
      fact("Seconds", figure(outcome.seconds, 1)),
      usage.tokens ? fact("Tokens", usage.tokens.toLocaleString("en")) : null,
      usage.usd ? fact("US dollars", figure(usage.usd, 4)) : null,
      q.evidence.length ? fact("Rank of the evidence", outcome.ranks.map(function (rank) { return rank || "–"; }).join(", ")) : null));
    if (!view) { root.append(el("p", { class: "fine", text: "The run kept no trace of it." })); return root; }
    [
      section("Sources", (seen.cites || []).map(function (one) { return cited(run, seen, one); }), true),
      section("Plan", [el("ol", { class: "steps" }, (seen.steps || []).map(function (one) { return planned(run, seen, one); }))].filter(function (ol) { return ol.children.length; }), true),
      section("Re-plans", changes(seen.log || []), true),
      section("Conflicts", (seen.conflicts || []).map(function (one) { return el("p", { dir: "auto" }, one.text, one.why ? el("span", { class: "fine", text: " " + one.why }) : null); }), true),
      section("What the picture may show", shows(seen.shows || []), false),
      section("Tool calls (" + (seen.calls || []).length + ")", calls(seen.calls || []), false),
      section("Evidence (" + (seen.evidence || []).filter(function (one) { return one.id; }).length + ")", evidence(q, run, seen), false),
      section("Warnings", (seen.warnings || []).map(function (one) { return el("p", { dir: "auto", text: one }); }), true)
    ].forEach(function (part) { if (part) root.append(part); });
    if (seen.models) root.append(el("p", { class: "fine", text: "Model: " + seen.models }));
    return root;
  }
  function jump(id, text, label, name) {
    return el("a", {
      class: name || "cite", href: "#" + id, "aria-label": label, text: text,
      on: function (event) {
        const target = find(id);
        event.preventDefault();
        if (!target) return;
        for (let up = target.parentElement; up; up = up.parentElement) if (up.tagName === "DETAILS") up.open = true;
        target.scrollIntoView({ block: "center" });
        target.focus({ preventScroll: true });
      }
    });
  }
  function place(run, kind, id) { return "run-" + run + "-" + kind + "-" + Array.from(String(id), function (sign) { return /[\w.]/.test(sign) ? sign : "_" + sign.codePointAt(0).toString(16); }).join(""); }
  function answer(run, seen, outcome) {
    const known = (seen.cites || []).map(function (one) { return String(one.n); });
    const text = seen.answer || outcome.answer || "No answer.";
    return text.split(/(\[\d{1,3}\])/).map(function (piece) {
      const n = /^\[(\d{1,3})\]$/.exec(piece);
      return n && known.includes(n[1]) ? jump(place(run, "source", n[1]), n[1], "Source " + n[1]) : piece;
    });
  }
  function where(one) {
    return [el("code", { text: one.doc || "" }), one.page !== undefined ? ", page " + one.page : "", one.url ? [" · ", link(one.url)] : ""].flat();
  }
  function cited(run, seen, one) {
    const held = (seen.evidence || []).some(function (item) { return item.id === one.evidence; });
    return el("div", { class: "card used", id: place(run, "source", one.n), tabindex: "-1" },
      el("p", { class: "card-title", dir: "auto" }, el("span", { class: "number", text: one.n }), " " + (one.title || one.doc || "")),
      one.quote ? el("blockquote", { dir: "auto", text: one.quote }) : null,
      el("p", { class: "fine" }, where(one), held ? [" · ", jump(place(run, "evidence", one.evidence), one.evidence, "Evidence " + one.evidence, "plain")] : el("b", { text: " · not in the ledger" })));
  }
  const SIGNS = { answered: "✓", insufficient: "?", failed: "✗", skipped: "–", running: "▸", pending: "·" };
  function planned(run, seen, one) {
    const held = (seen.evidence || []).map(function (item) { return item.id; });
    return el("li", { class: "step " + (one.status || "") },
      el("p", { dir: "auto" }, el("span", { class: "sign", title: one.status, "aria-label": one.status, role: "img", text: SIGNS[one.status] || "·" }), el("b", { class: "step-id", text: one.id }), " " + (one.text || "")),
      one.answer ? el("p", { class: "found", dir: "auto", text: one.answer }) : null,
      el("p", { class: "fine", dir: "auto" },
        [one.purpose, one.tool && one.tool !== "none" ? one.tool.replace(/_/g, " ") : "", one.query ? "“" + one.query + "”" : "",
          (one.needs || []).length ? "needs " + one.needs.join(", ") : "", one.again ? "sent again " + one.again + "×" : "",
          one.confidence ? "confidence " + figure(one.confidence, 2) : ""].filter(Boolean).join(" · ")),
      one.why ? el("p", { class: "fine why", dir: "auto", text: one.why }) : null,
      (one.evidence || []).length ? el("p", { class: "fine" }, "Evidence ", one.evidence.map(function (id) {
        return [held.includes(id) ? jump(place(run, "evidence", id), id, "Evidence " + id, "plain") : id, " "];
      }).flat()) : null);
  }
  function changes(log) {
    const later = log.filter(function (one) { return one.code !== "created"; });
    return later.map(function (one) {
      return el("p", { dir: "auto" }, el("code", { class: "code", text: one.code }), " " + (one.step ? one.step + ": " : "") + (one.why || ""));
    });
  }
  function shows(guesses) {
    return guesses.map(function (one) {
      return el("p", { dir: "auto" }, el("b", { text: one.name || "" }), one.probability !== undefined ? " " + figure(one.probability, 2) : "",
        el("span", { class: "fine", text: [one["for"] ? " for: " + one["for"] : "", one.against ? " against: " + one.against : ""].join("") }));
    });
  }
  function calls(made) {
    if (!made.length) return [];
    return [el("table", { class: "calls" },
      el("thead", {}, el("tr", {}, ["Tool", "Step", "Query", "Came to"].map(function (name) { return el("th", { scope: "col", text: name }); }))),
      el("tbody", {}, made.map(function (one) {
        const came = [one.status || "nothing", one.n !== undefined ? one.n + " found" : "", one.seconds !== undefined ? figure(one.seconds, 2) + " s" : "", one.error || ""];
        return el("tr", {}, el("td", { text: (one.tool || "").replace(/_/g, " ") }), el("td", { text: one.step || "" }),
          el("td", { dir: "auto", text: one.query || "" }), el("td", { text: came.filter(Boolean).join(", ") }));
      })))];
  }
  function evidence(q, run, seen) {
    return (seen.evidence || []).map(function (one) {
      if (!one.id) return el("p", { class: "fine", text: one.left + " more were found." });
      return el("div", { class: "card" + (one.used ? " used" : ""), id: place(run, "evidence", one.id), tabindex: "-1" },
        el("p", { class: "card-title", dir: "auto" }, el("code", { text: one.id }), " " + (one.title || one.doc || "") + " ",
          one.used ? el("span", { class: "tag", text: "used" }) : null, q.evidence.includes(one.doc) ? el("span", { class: "tag gold", text: "expected" }) : null),
        one.quote ? el("blockquote", { dir: "auto", text: one.quote }) : null,
        el("p", { class: "fine" }, where(one), " · " + [(one.tool || "").replace(/_/g, " "), one.step ? "for " + one.step : "", one.score !== undefined ? "score " + figure(one.score, 2) : "", one.published ? "published " + one.published : ""].filter(Boolean).join(" · ")));
    });
  }

  // wiring
  Object.keys(filters).forEach(function (name) { filters[name].addEventListener("input", choose); });
  find("filters").addEventListener("submit", function (event) { event.preventDefault(); });
  find("clear").addEventListener("click", function () {
    Object.keys(filters).forEach(function (name) { filters[name].value = ""; });
    choose();
    filters.words.focus();
  });
  find("more").addEventListener("click", function () {
    const first = shown;
    shown += PAGE;
    list();
    const row = find("list").tBodies[0].rows[first];
    if (row) row.querySelector("button").focus();
  });
  document.querySelectorAll("a[data-result]").forEach(function (node) {
    node.addEventListener("click", function () {
      filters.words.value = "";
      filters.order.value = "";
      filters.category.value = node.dataset.category || "";
      filters.run.value = node.dataset.run || "";
      filters.result.value = node.dataset.result || "";
      choose();
    });
  });
  find("trace").addEventListener("close", function () {
    open = -1;
    if (replaced) history.replaceState(null, "", location.pathname + location.search);
    const at = opener && opener.dataset.at;
    const again = at ? document.querySelector(".open[data-at='" + at + "']") : null;
    if (again) again.focus();
  });
  find("trace").addEventListener("click", function (event) { if (event.target === find("trace")) find("trace").close(); });
  document.addEventListener("keydown", function (event) {
    const typing = /^(INPUT|SELECT|TEXTAREA)$/.test((document.activeElement || {}).tagName || "");
    if (event.ctrlKey || event.metaKey || event.altKey) return;
    if (open >= 0 && event.key === "ArrowLeft" && document.activeElement.className !== "sides") step(-1);
    else if (open >= 0 && event.key === "ArrowRight" && document.activeElement.className !== "sides") step(1);
    else if (open < 0 && event.key === "/" && !typing) { event.preventDefault(); filters.words.focus(); }
  });
  function fromAddress() {
    const id = /^#question=(.+)$/.exec(location.hash);
    let wanted = "";
    try { wanted = id ? decodeURIComponent(id[1]) : ""; } catch (error) { wanted = ""; }
    const q = wanted && questions.find(function (one) { return one.id === wanted; });
    if (q && q.at !== open) show(q.at);
  }
  window.addEventListener("hashchange", fromAddress);
  find("filters").hidden = find("list").hidden = false;
  // a browser puts back what was chosen before a reload; the list follows
  choose();
  fromAddress();
})();
