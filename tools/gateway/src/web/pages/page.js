// What htmx has not: a log that is followed, a file that is dropped, how far it has come, and a gateway that is gone.
"use strict";

/** Lines of a log that are kept on the page. */
const LINES_MAX = 500;

/** Follows the log on this page, if there is one; the browser goes on by itself where it was cut off. */
function followLog() {
  const log = document.getElementById("log");
  if (!log) return;
  const state = document.getElementById("log-state");
  const stream = new EventSource(log.dataset.stream);
  const add = (parts, kind) => {
    // Who has scrolled up reads there.
    const atEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
    const item = document.createElement("li");
    item.className = kind;
    for (const [name, text] of parts) {
      const part = document.createElement("span");
      part.className = name;
      part.textContent = text;
      item.append(part, " ");
    }
    log.append(item);
    while (log.childElementCount > LINES_MAX) log.firstElementChild.remove();
    if (atEnd) log.scrollTop = log.scrollHeight;
  };
  stream.addEventListener("open", () => { state.textContent = "Live."; });
  stream.addEventListener("error", () => {
    state.textContent = stream.readyState === EventSource.CLOSED
      ? "There is no log: the device is away, or the container is gone. Load the page again to try anew."
      : "Cut off; trying again.";
  });
  stream.addEventListener("line", (event) => {
    const line = JSON.parse(event.data);
    if (line.dropped) add([["text", `${line.dropped} lines are no longer there`]], "missed");
    const time = (line.time_us / 1e6).toFixed(3).padStart(9);
    add([["time", time], ["level", line.level], ["text", line.text], ["meaning", line.meaning ?? ""]], line.level);
  });
  stream.addEventListener("missed", (event) => add([["text", `${event.data} lines came too fast`]], "missed"));
}

/** A file that is dropped on the form is sent at once. */
function takeDrops(form) {
  const file = form.querySelector("input[type=file]");
  for (const name of ["dragenter", "dragover"]) {
    form.addEventListener(name, (event) => {
      event.preventDefault();
      form.classList.add("over");
    });
  }
  form.addEventListener("dragleave", () => form.classList.remove("over"));
  form.addEventListener("drop", (event) => {
    event.preventDefault();
    form.classList.remove("over");
    if (event.dataTransfer.files.length === 0) return;
    file.files = event.dataTransfer.files;
    form.requestSubmit();
  });
}

/** While the form is being sent, the gateway is asked how far the device has it. */
function showProgress(form) {
  const place = form.querySelector("#transfer");
  let asks = null;
  form.addEventListener("htmx:beforeRequest", (event) => {
    if (event.target !== form) return;
    document.getElementById("message").replaceChildren();
    const ask = async () => {
      const mine = asks;
      try {
        const answer = await fetch(form.dataset.progress, { headers: { "HX-Request": "true" } });
        const text = await answer.text();
        if (answer.ok && mine !== null && mine === asks) place.innerHTML = text;
      } catch {
        // What becomes of the upload says its own request.
      }
    };
    asks = setInterval(ask, 300);
    ask();
  });
  form.addEventListener("htmx:afterRequest", (event) => {
    if (event.target !== form) return;
    clearInterval(asks);
    asks = null;
    place.replaceChildren();
    if (event.detail.successful) form.reset();
  });
}

/** Says that what is shown is old, until the gateway answers again. */
function watchGateway() {
  const gone = document.getElementById("gone");
  if (!gone) return;
  const is = (hidden) => () => { gone.hidden = hidden; };
  document.addEventListener("htmx:sendError", is(false));
  document.addEventListener("htmx:timeout", is(false));
  document.addEventListener("htmx:afterOnLoad", is(true));
  document.addEventListener("htmx:beforeRequest", (event) => {
    // Somebody reads a record: it is not to close under his eyes.
    if (event.target.id === "all-faults" && event.target.querySelector("details[open]")) event.preventDefault();
  });
}

/** A part of the page that cannot be had says so in its place; messages are about what somebody has done. */
function keepTroubleInItsPlace() {
  document.addEventListener("htmx:beforeSwap", (event) => {
    const { requestConfig, xhr } = event.detail;
    if (requestConfig.verb === "get" && xhr.status >= 400) event.detail.target = requestConfig.elt;
  });
}

/** What somebody is pressing is not replaced under his finger: that would be no click. */
function keepWhatIsPressed() {
  let pressed = false;
  document.addEventListener("pointerdown", () => { pressed = true; }, true);
  for (const end of ["pointerup", "pointercancel"]) {
    document.addEventListener(end, () => { setTimeout(() => { pressed = false; }); }, true);
  }
  document.addEventListener("htmx:beforeSwap", (event) => {
    // It is asked for again soon.
    if (pressed && event.detail.requestConfig.verb === "get") event.detail.shouldSwap = false;
  });
}

document.addEventListener("DOMContentLoaded", () => {
  keepTroubleInItsPlace();
  keepWhatIsPressed();
  followLog();
  watchGateway();
  const form = document.getElementById("upload");
  if (form) {
    takeDrops(form);
    showProgress(form);
  }
});
