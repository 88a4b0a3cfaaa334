// Drives Chromium for the tests and pictures of pages: reads JSON from standard input, does what each
// visit asks for, and answers in JSON. Chromium reaches loopback and files, and nothing else.
//
// A visit: {url, width, height?, dark?, scripts?, steps?: [{run | wait | click | type | key | go | post |
// offline}], axe?: bool, picture?: path, full?: bool}. `run` and `wait` are expressions of the page; `wait`
// is asked until it is true; `post` is sent by us, not by the page. Its answer: {results: [of each run], violations: [{id, impact, nodes}],
// messages: [console errors, refused requests], requested: [addresses]}.
"use strict";

const fs = require("node:fs");
const puppeteer = require("puppeteer-core");
const axe = fs.readFileSync(require.resolve("axe-core/axe.min.js"), "utf8");

const PATIENCE = 60_000;

async function visit(browser, asked) {
  const context = await browser.createBrowserContext();
  const page = await context.newPage();
  page.setDefaultTimeout(PATIENCE);
  const messages = [], requested = [], results = [];
  page.on("console", (it) => { if (it.type() === "error") messages.push(it.text()); });
  page.on("pageerror", (error) => messages.push(error.message));
  page.on("request", (it) => requested.push(it.url()));
  await page.setViewport({ width: asked.width, height: asked.height ?? 800 });
  await page.emulateMediaFeatures([
    { name: "prefers-color-scheme", value: asked.dark ? "dark" : "light" },
  ]);
  await page.setJavaScriptEnabled(asked.scripts ?? true);
  await page.goto(asked.url, { waitUntil: "load" });
  for (const step of asked.steps ?? []) {
    if (step.run) results.push(await page.evaluate(step.run));
    if (step.wait) await page.waitForFunction(step.wait);
    if (step.click) await page.click(step.click);
    if (step.type) await page.type(step.type[0], step.type[1]);
    if (step.key) await page.keyboard.press(step.key);
    if (step.post) await fetch(step.post[0], { method: "POST", body: JSON.stringify(step.post[1]) });
    if (step.offline !== undefined) await page.setOfflineMode(step.offline);
    if (step.go) await page.goto(step.go, { waitUntil: "load" });
  }
  let violations = [];
  if (asked.axe) {
    await page.evaluate(axe);
    violations = await page.evaluate(async () => {
      const found = await globalThis.axe.run(document);
      return found.violations.map(({ id, impact, nodes }) => ({
        id, impact, nodes: nodes.map((node) => node.html.slice(0, 200) + node.failureSummary),
      }));
    });
  }
  if (asked.picture) await page.screenshot({ path: asked.picture, fullPage: asked.full ?? false });
  await context.close();
  return { results, violations, messages, requested };
}

async function main() {
  const asked = JSON.parse(fs.readFileSync(0, "utf8"));
  const browser = await puppeteer.launch({
    executablePath: asked.chromium,
    args: [
      "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
      "--disable-background-networking", "--disable-component-update", "--disable-sync",
      "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost",
    ],
  });
  try {
    const answers = [];
    for (const one of asked.visits) answers.push(await visit(browser, one));
    process.stdout.write(JSON.stringify(answers));
  } finally {
    await browser.close();
  }
}

main().catch((error) => { console.error(error); process.exit(1); });
