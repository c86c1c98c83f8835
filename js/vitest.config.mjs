import { playwright } from "@vitest/browser-playwright";
import { defineConfig } from "vitest/config";

// `unit`: the pure modules, in Node. `browser`: whatever touches the DOM, in a real Chromium.
// The browser is $CHROME (tests/browser/find_browser.py finds it), else Playwright's own.
const chrome = process.env.CHROME;

const launchOptions = {
  args: ["--no-sandbox", "--disable-gpu", "--disable-quic", "--disable-background-networking"],
  ...(chrome ? { executablePath: chrome } : {}),
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          environment: "node",
          include: ["tests/*.test.ts"],
        },
      },
      {
        // Named here, or Vite finds it in the middle of a run and reloads the page under the test.
        optimizeDeps: { include: ["axe-core"] },
        test: {
          name: "browser",
          include: ["tests/browser/*.test.ts"],
          browser: {
            enabled: true,
            headless: true,
            screenshotFailures: false,
            viewport: { width: 1240, height: 800 },
            provider: playwright({ launchOptions }),
            instances: [{ browser: "chromium" }],
          },
        },
      },
    ],
  },
});
