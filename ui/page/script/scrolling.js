// The end of the thread stays in view while somebody reads there, but not past the top of the latest answer; whoever
// reads older messages, or edits a prompt, is left alone.

import { find, findAll } from "./dom.js";

const NEAR = 60; // pixels from the end
const LEAD = 80; // pixels above the latest answer that stay in view: a short prompt
let following = true;
let height = 0; // of the thread at the last look

const log = () => find("#limner-thread");

export function forgetPlace() {
  following = true;
}

export function scrollToEnd() {
  following = true;
  stayAtEnd();
}

// Where to scroll to for the end.
function end() {
  const { scrollHeight, clientHeight, scrollTop } = log();
  const turn = find("#limner-turns").lastElementChild ?? log();
  const { top } = (find("article", turn) ?? turn).getBoundingClientRect();
  return Math.min(scrollHeight - clientHeight, scrollTop + top - log().getBoundingClientRect().top - LEAD);
}

const isAtEnd = () => log().scrollTop > end() - NEAR;

function stayAtEnd() {
  if (following && !find(".limner-edit:focus-within", log())) log().scrollTop = Math.max(log().scrollTop, end());
  height = log().scrollHeight;
}

// Changes the thread, and stays at its end if that was in view.
export function keepEnd(change) {
  change();
  stayAtEnd();
}

// Changes what is above, while what is seen does not move. Browsers do so by themselves, but for the very top.
export function keepPlace(change) {
  const wasFollowing = following;
  following = false;
  const { top: edge } = log().getBoundingClientRect();
  const seen = findAll(".limner-turn", log()).find((turn) => turn.getBoundingClientRect().bottom > edge);
  const place = () => seen?.getBoundingClientRect().top ?? 0;
  const before = place();
  change();
  log().scrollTop += place() - before;
  height = log().scrollHeight;
  following = wasFollowing;
}

// Scrolls as little as is needed to show an element.
export function reveal(element) {
  following = isAtEnd(); // the browser tells of a scroll later than it happens
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  element.scrollIntoView({ block: "nearest", behavior: calm ? "auto" : "smooth" });
}

export function watchScrolling() {
  new ResizeObserver(stayAtEnd).observe(find("#limner-turns"));
  log().addEventListener("scroll", () => {
    if (log().scrollHeight !== height) return; // it grew: nobody scrolled
    following = isAtEnd();
  });
}
