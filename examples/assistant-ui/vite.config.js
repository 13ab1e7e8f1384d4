import { defineConfig } from "vite";

// The page and Limner share one origin, as they would behind one proxy in production.
export default defineConfig({
  server: { proxy: { "/api": process.env.LIMNER_URL ?? "http://127.0.0.1:7860" } },
  build: {
    chunkSizeWarningLimit: 1_000,
    rolldownOptions: { checks: { moduleLevelDirective: false } }, // assistant-ui has them for Next
  },
});
