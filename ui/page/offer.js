// How the composer's controls change with the choice of a provider or a model. It runs after limner.js, in its scope.

let offered = null; // the provider and the model that the controls are for
let choices = 0;
let offerProblem = "";

// Asks how the controls with these names change for the provider, and for the model if one was chosen. A choice
// that is not available is taken back; one that was followed by another changes nothing.
window.limnerOffer = async (names, chosen, initial) => {
  offered ??= initial;
  const choice = ++choices;
  let updates, problem;
  try {
    const reply = await fetch(`${root}/limner/offer?${new URLSearchParams(chosen)}`);
    updates = await reply.json().catch(() => ({}));
    if (!reply.ok) problem = updates.error || "The server could not accept this: choose again in a moment.";
  } catch {
    problem = "The server cannot be reached: check the connection and choose again.";
  }
  if (choice !== choices) updates = {};
  else if (problem) updates = Object.fromEntries(Object.entries(offered).map(([name, value]) => [name, { __type__: "update", value }]));
  else offered = { model: updates.model?.value, ...chosen };
  if (choice === choices && (problem || offerProblem)) complain((offerProblem = problem || ""));
  return names.map((name) => updates[name] ?? { __type__: "update" });
};
