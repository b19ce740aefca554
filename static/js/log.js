// The log while it is being written: keeps the page small and leaves the reader alone. Comfort only.

const MOST = 2_000; // lines of one log that stay on the page
const tools = document.querySelector("[data-log-tools]");

function showTools() {
  for (const part of document.querySelectorAll("[data-script-only]")) part.hidden = false;
}
showTools();

// The oldest lines make room for new ones; the log's own page and the raw log have them all.
document.addEventListener("htmx:after:swap", () => {
  showTools(); // the server always sends them hidden
  for (const lines of document.querySelectorAll(".log ol")) {
    while (lines.children.length > MOST) lines.firstElementChild.remove();
  }
});

// Whoever scrolls back wants to read: stop following until it is asked for again.
function letGo() {
  if (tools?.follow) tools.follow.checked = false;
}
addEventListener("wheel", (event) => event.deltaY < 0 && letGo(), { passive: true });
addEventListener("keydown", (event) => ["PageUp", "Home", "ArrowUp"].includes(event.key) && letGo());

let touchedAt = 0;
addEventListener("touchstart", (event) => (touchedAt = event.touches[0].clientY), { passive: true });
addEventListener("touchmove", (event) => event.touches[0].clientY > touchedAt + 8 && letGo(), { passive: true });
