// Comfort only: every page works without this file.

const UNITS = [[86_400, "day"], [3_600, "hour"], [60, "minute"]];

// The same words as `ago` in portal/templatetags/ui.py.
function ago(moment, now) {
  const seconds = (now - moment) / 1000;
  if (Math.abs(seconds) < 45) return "just now";
  if (Math.abs(seconds) >= 14 * 86_400) return null; // a date by now: it stays as the server wrote it
  const [size, unit] = UNITS.find(([length]) => Math.abs(seconds) >= length) ?? UNITS.at(-1);
  const count = Math.max(1, Math.floor(Math.abs(seconds) / size));
  const words = `${count} ${unit}${count === 1 ? "" : "s"}`;
  return seconds > 0 ? `${words} ago` : `in ${words}`;
}

function refreshTimes() {
  const now = Date.now();
  for (const time of document.querySelectorAll("time[data-ago]")) {
    const words = ago(Date.parse(time.dateTime), now);
    if (words && time.textContent !== words) time.textContent = words;
  }
}
setInterval(refreshTimes, 15_000);

// Whenever a polled fragment came in anew. htmx speaks of a swap also where the answer was 204: nothing new.
function onNews(act) {
  document.addEventListener("htmx:after:swap", (event) => event.detail.ctx.swap === "none" || act(event));
}

// Something is wrong with what was sent: go there, as the page without a script does by `autofocus`.
document.querySelector(".errors")?.focus();

// The log: search, only warnings, wrap. `data-log-tools` names the form, #log holds the lines.
const tools = document.querySelector("[data-log-tools]");
if (tools) {
  const hits = tools.querySelector("output");
  const filter = () => {
    const log = document.getElementById("log");
    const wanted = tools.q?.value.toLowerCase() ?? "";
    const onlyWarnings = tools.warn?.checked ?? false;
    let found = 0;
    for (const line of log.querySelectorAll("li")) {
      const text = line.lastElementChild;
      const at = wanted ? text.textContent.toLowerCase().indexOf(wanted) : -1;
      mark(text, at, wanted.length);
      if (at >= 0) {
        found += 1;
        if (found === 1) line.closest("details")?.setAttribute("open", "");
      }
      line.hidden = (wanted && at < 0) || (onlyWarnings && !line.matches(".warn, .err"));
    }
    if (hits) hits.textContent = wanted ? `${found} ${found === 1 ? "line" : "lines"}` : "";
    log.parentElement.classList.toggle("nowrap-log", tools.wrap ? !tools.wrap.checked : false);
  };
  tools.addEventListener("input", filter);
  tools.addEventListener("submit", (event) => event.preventDefault());
  onNews(() => (tools.q?.value || tools.warn?.checked) && filter());
  onNews(() => {
    if (tools.follow?.checked) document.querySelector(".tail")?.scrollIntoView({ block: "end" });
  });
}

function mark(text, at, length) {
  if (text.querySelector("mark")) {
    for (const old of text.querySelectorAll("mark")) old.replaceWith(...old.childNodes);
    text.normalize();
  }
  if (at < 0) return;
  for (const node of [...text.childNodes]) {
    if (node.nodeType !== Node.TEXT_NODE) {
      at -= node.textContent.length;
    } else if (at >= 0 && at + length <= node.length) {
      const range = document.createRange();
      range.setStart(node, at);
      range.setEnd(node, at + length);
      range.surroundContents(document.createElement("mark"));
      return;
    } else {
      at -= node.length;
    }
  }
}

// "/" goes to the search of the page, Escape closes the menu.
document.addEventListener("keydown", (event) => {
  const typing = event.target.closest("input, textarea, select, [contenteditable]");
  if (event.key === "/" && !event.ctrlKey && !event.metaKey && !event.altKey && !typing) {
    const search = document.querySelector("main input[type=search]");
    if (search) {
      event.preventDefault();
      search.focus();
    }
  }
  if (event.key === "Escape") {
    for (const menu of document.querySelectorAll("details.menu[open]")) {
      menu.open = false;
      menu.querySelector("summary").focus();
    }
  }
});

for (const print_ of document.querySelectorAll("[data-print]")) {
  print_.hidden = false;
  print_.addEventListener("click", () => print());
}

// What a screen reader hears then.
onNews((event) => {
  refreshTimes();
  const said = event.target.closest?.("[data-announce]")?.dataset.announce;
  if (said) document.getElementById("announce").textContent = said;
});
