"use strict";
// Renews the status page in place: asks for it again every few seconds and puts in what changed. What
// is folded, typed, selected or focused stays as it is. It asks this exporter and nobody else.
(() => {
  const EVERY = 5000, PATIENCE = 10000;
  const find = (id, root = document) => root.getElementById(id);
  let lost = false;

  const names = () => {
    const input = find("filter");
    const wanted = input ? input.value.trim().toLowerCase() : "";
    for (const one of document.querySelectorAll("[data-name]"))
      one.hidden = !one.dataset.name.toLowerCase().includes(wanted);
  };

  const unfold = () => {
    const aim = location.hash && find(location.hash.slice(1));
    if (aim && aim.tagName === "DETAILS") aim.open = true;
  };

  const put = (page) => {
    const focused = document.activeElement && document.activeElement.id;
    for (const part of ["verdict", "index-list", "integrations", "about"]) {
      const [now, next] = [find(part), find(part, page)];
      if (!now || !next) { location.reload(); return; }
      for (const one of next.querySelectorAll("details[id]")) {
        const before = find(one.id);
        if (before) one.open = before.open;
      }
      if (next.tagName === "DETAILS") next.open = now.open;
      if (now.outerHTML !== next.outerHTML) now.replaceWith(document.importNode(next, true));
    }
    find("as-of").replaceWith(document.importNode(find("as-of", page), true));
    document.title = page.title;
    const again = focused && find(focused);
    if (again && document.activeElement !== again) again.focus({ preventScroll: true });
    names();
  };

  const say = (why) => {
    const box = find("lost");
    box.hidden = !why;
    if (why && !lost) {
      box.textContent = `The exporter does not answer since ${new Date().toLocaleTimeString()} ` +
        `(${why}). What is shown below is from before; it is asked again every 5 s.`;
      document.title = "isnotai-exporter: no answer";
    }
    lost = Boolean(why);
  };

  const renew = async () => {
    if (!document.hidden && document.getSelection().isCollapsed) {
      try {
        const answer = await fetch(location.pathname + location.search,
          { cache: "no-store", signal: AbortSignal.timeout(PATIENCE) });
        if (!answer.ok) throw new Error(`status ${answer.status}`);
        put(new DOMParser().parseFromString(await answer.text(), "text/html"));
        say("");
      } catch (error) {
        say(error.message);
      }
    }
    setTimeout(renew, EVERY);
  };

  document.addEventListener("DOMContentLoaded", () => {
    const label = find("filter-label");
    if (label) { label.hidden = false; find("filter").addEventListener("input", names); names(); }
    addEventListener("hashchange", unfold);
    unfold();
    setTimeout(renew, EVERY);
  });
})();
