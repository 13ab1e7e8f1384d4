// What the pictures that the composer describes will cost, as the server reckons it.

import { chipNames } from "./chips.js";
import { composerValues, offer, valuesNow } from "./choices.js";
import { showComposer } from "./composer.js";
import { current } from "./conversation.js";
import { keysFor } from "./keys.js";
import { canUse } from "./paying.js";
import { send } from "./server.js";

let wanted = null; // what the composer describes now, as JSON; null if nothing of it has a price
let asked = null; // the same, as the server was asked about it last
let known = ""; // its answer
let isAsking = false;

export const isPricePending = () => isAsking;

// Returns the price in words; empty if it is not known, or not yet: then the composer is shown again once it is.
export function price() {
  if (!canUse(offer().provider) || (!offer().priced && !valuesNow().compare?.length)) {
    wanted = asked = null;
    return "";
  }
  wanted = JSON.stringify({ thread: current(), body: { ...composerValues(), ...chipNames() } });
  if (wanted !== asked) ask();
  return isAsking ? "" : known;
}

// Asks until the answer is about what the composer describes by then, which may change meanwhile.
async function ask() {
  if (isAsking) return;
  isAsking = true;
  while (wanted !== asked) {
    asked = wanted;
    const { thread, body } = JSON.parse(asked);
    const { data } = await send("POST", `threads/${thread}/price`, { ...body, ...keysFor(body) });
    known = data.price ?? "";
  }
  isAsking = false;
  showComposer();
}
