// What a person does with a picture: copy it and zoom in. It runs after limner.js, in its scope.

// --- Copy: a PNG, whatever the picture's type, begun inside the click ---

async function copyPicture(button) {
  const image = button.closest("figure").querySelector("img");
  try {
    await navigator.clipboard.write([new ClipboardItem({ "image/png": asPng(image) })]);
    button.classList.add("limner-done");
    setTimeout(() => button.classList.remove("limner-done"), 1500);
    say("Copied.", 1500);
  } catch {
    say("This browser does not let the page copy: right-click the picture and choose Copy image, or download it.", 8000);
  }
}

async function asPng(image) {
  const blob = await (await fetch(image.src)).blob();
  if (blob.type === "image/png") return blob;
  await image.decode();
  const canvas = document.createElement("canvas");
  [canvas.width, canvas.height] = [image.naturalWidth, image.naturalHeight];
  canvas.getContext("2d").drawImage(image, 0, 0, canvas.width, canvas.height);
  return new Promise((resolve, reject) => {
    canvas.toBlob((png) => (png ? resolve(png) : reject(new Error("too large"))), "image/png");
  });
}

// --- Zoom: a modal dialog; any click, Esc, Enter and Space close it ---

const dialog = document.createElement("dialog");
dialog.className = "limner-zoom";
dialog.setAttribute("aria-label", "Picture in full size");
document.body.append(dialog);
dialog.addEventListener("click", () => dialog.close());
dialog.addEventListener("keydown", (event) => {
  if (event.key !== "Enter" && event.key !== " ") return;
  event.preventDefault();
  if (!event.repeat) dialog.close();
});
dialog.addEventListener("close", () => {
  document.documentElement.classList.remove("limner-still");
  const again = document.querySelectorAll(`#${zoomed.within} [name=zoom]`)[zoomed.at];
  (zoomed.button.isConnected ? zoomed.button : again)?.focus(); // the message may have been drawn anew meanwhile
});
let zoomed; // the button that opened it, and its place

function zoom(button) {
  const close = document.createElement("button");
  close.className = "limner-icon limner-close";
  close.title = "Close";
  close.setAttribute("aria-label", "Close");
  const { src, alt } = button.querySelector("img");
  dialog.replaceChildren(Object.assign(new Image(), { src, alt }), close);
  const within = button.closest("[id]").id;
  zoomed = { button, within, at: [...document.querySelectorAll(`#${within} [name=zoom]`)].indexOf(button) };
  document.documentElement.classList.add("limner-still");
  dialog.showModal();
}
