// Keeps an open page up to date: waits for the next change, then fetches the same page and swaps its content.
// Stops when the job has ended. Without scripts the page is the same, only still.
"use strict";
(() => {
  const body = document.body;
  let cursor = Number(body.dataset.cursor);
  const pause = (ms) => new Promise((done) => setTimeout(done, ms));

  async function swap() {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok) return false;
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    const open = [...document.querySelectorAll("main details")].map((part) => part.open);
    const scrolled = [...document.querySelectorAll("main pre[role=log]")].map(
      (log) => log.scrollTop + log.clientHeight >= log.scrollHeight - 4);
    const focused = document.activeElement && document.activeElement.id === "text";
    if (focused) return true; // somebody is typing
    document.querySelector("main").replaceWith(fresh.querySelector("main"));
    document.title = fresh.title;
    document.querySelectorAll("main details").forEach((part, i) => { if (i in open) part.open = open[i]; });
    document.querySelectorAll("main pre[role=log]").forEach((log, i) => {
      if (scrolled[i] !== false) log.scrollTop = log.scrollHeight;
    });
    cursor = Number(fresh.body.dataset.cursor);
    body.dataset.live = fresh.body.dataset.live;
    return true;
  }

  async function follow() {
    while (body.dataset.live !== "no") {
      try {
        // A running job's log grows without an event, so its page looks again by itself.
        const wait = body.dataset.live === "yes" ? 2 : 30;
        const answer = await fetch(`/api/v1/events?after=${cursor}&wait=${wait}`);
        if (!answer.ok) return;
        const told = await answer.json();
        cursor = told.cursor;
        if ((told.events.length || wait === 2) && !(await swap())) return;
      } catch {
        await pause(2000);
      }
    }
  }

  document.querySelectorAll("pre[role=log]").forEach((log) => { log.scrollTop = log.scrollHeight; });
  follow();
})();
