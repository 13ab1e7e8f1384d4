// What Regenerate asks if the seed is fixed and the picture costs money: it would be the same one. The
// server decides whether to ask, and makes nothing without an answer.

import { find, make } from "./dom.js";

const named = { "aria-labelledby": "limner-ask-title", "aria-describedby": "limner-ask-text" };
const seedDialog = make("dialog", { className: "limner-ask", ...named });
seedDialog.innerHTML = `<form method="dialog">
  <h2 id="limner-ask-title">The same picture again?</h2>
  <p id="limner-ask-text">This would make the same picture again, since its seed is fixed (and costs money).</p>
  <div>
    <button value="new" class="limner-button limner-main">New seed</button>
    <button value="same" class="limner-button">Same seed</button>
    <button value="" class="limner-button">Cancel</button>
  </div>
</form>`;
find("#limner").append(seedDialog);

// Asks; resolves with "new", "same", or nothing if the person wants neither.
export function askForSeed() {
  const before = document.activeElement;
  seedDialog.returnValue = ""; // which Esc leaves as it is
  if (!seedDialog.open) seedDialog.showModal();
  return new Promise((resolve) => {
    seedDialog.onclose = () => {
      before?.focus();
      resolve(seedDialog.returnValue);
    };
  });
}

seedDialog.addEventListener("click", (event) => {
  if (event.target === seedDialog) seedDialog.close(); // beside the form
});
