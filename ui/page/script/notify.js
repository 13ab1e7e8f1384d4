// What tells somebody who looks elsewhere that a picture is there: the tab's title, and a notification if allowed.

import { stored } from "./dom.js";

const KEY = "limner.notifications";
const MARK = "● ";

let title = document.title;
let isMarked = false;

export const canNotify = () => "Notification" in window && Notification.permission !== "denied";
export const isNotifying = () => canNotify() && Notification.permission === "granted" && stored("localStorage", KEY) === "on";

// Turns notifications on, which the browser may ask about, or off; returns whether they are on.
export async function setNotifying(isOn) {
  if (isOn && (await Notification.requestPermission()) !== "granted") isOn = false;
  stored("localStorage", KEY, isOn ? "on" : "off");
  return isOn;
}

// Gives the tab a title; the mark stays before it until somebody looks.
export function setTitle(text) {
  title = text;
  draw();
}

function mark(isNew) {
  isMarked = isNew;
  draw();
}

function draw() {
  document.title = (isMarked ? MARK : "") + title;
}

export function notify({ said }) {
  if (!document.hidden && document.hasFocus()) return;
  mark(true);
  if (!isNotifying()) return;
  const shown = new Notification("Limner", { body: said, tag: "limner" });
  shown.onclick = () => {
    window.focus();
    shown.close();
  };
}

function unmark() {
  if (!document.hidden) mark(false);
}

document.addEventListener("visibilitychange", unmark);
addEventListener("focus", unmark);
