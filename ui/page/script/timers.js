// The seconds that a picture has taken so far, by the server's clock, beside what is usual.

import { findAll } from "./dom.js";
import { clockAhead } from "./stream.js";

export function tick() {
  for (const timer of findAll('#limner time[role="timer"]')) {
    const seconds = Math.max(0, Math.round((Date.now() + clockAhead - Date.parse(timer.dateTime)) / 1000));
    const text = seconds < 60 ? `${seconds} s` : `${Math.floor(seconds / 60)} min ${seconds % 60} s`;
    if (timer.textContent !== text) timer.textContent = text;
  }
}

setInterval(() => document.hidden || tick(), 250);
document.addEventListener("visibilitychange", tick);
