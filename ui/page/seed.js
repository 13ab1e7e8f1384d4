// What Regenerate asks if the seed is fixed and the picture costs money: it would be the same one. It runs after
// limner.js, in its scope. The server decides whether to ask, and makes nothing without an answer.

const seedDialog = document.createElement("dialog");
seedDialog.className = "limner-ask";
seedDialog.setAttribute("aria-labelledby", "limner-ask-title");
seedDialog.setAttribute("aria-describedby", "limner-ask-text");
seedDialog.innerHTML = `<form method="dialog">
  <h2 id="limner-ask-title">The same picture again?</h2>
  <p id="limner-ask-text">This would make the same picture again, since its seed is fixed (and costs money).</p>
  <div>
    <button value="new" class="limner-button limner-main" autofocus>New seed</button>
    <button value="same" class="limner-button">Same seed</button>
    <button value="" class="limner-button">Cancel</button>
  </div>
</form>`;
document.body.append(seedDialog);

function askForSeed(message) {
  if (seedDialog.open) return;
  seedDialog.dataset.of = message;
  seedDialog.returnValue = ""; // which Esc leaves as it is
  seedDialog.showModal();
}

seedDialog.addEventListener("click", (event) => {
  if (event.target === seedDialog) seedDialog.close(); // beside the form
});

seedDialog.addEventListener("close", async () => {
  const { returnValue: seed, dataset: { of: message } } = seedDialog;
  const article = find(`#message-${message}`); // it may have been drawn anew meanwhile, and have lost the focus
  if (!article?.contains(document.activeElement)) article?.querySelector('button[name="regenerate"]')?.focus();
  if (!seed) return;
  const { problem } = await post(`/${message}/regenerate?seed=${seed}`);
  if (problem) say(problem, 8000);
});
