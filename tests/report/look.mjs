// Looks at a report in a real browser, by hand: opens it offline, uses it, and writes pictures of it.
//
//   npm install playwright-core          (in any folder; a Chromium from the distribution is enough)
//   node look.mjs OUT.html FOLDER        (CHROMIUM=/usr/bin/chromium unless set)
//
// Fails if the page throws, asks for anything over the network, opens a dialog, or does not do what is asked of it.
import assert from "node:assert/strict";
import { resolve } from "node:path";
import { chromium } from "playwright-core";

const [file, folder] = process.argv.slice(2).map((path) => resolve(path));
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium", args: ["--no-sandbox"] });
const desk = { viewport: { width: 1400, height: 1000 } };
const phone = { viewport: { width: 390, height: 844 }, deviceScaleFactor: 2, hasTouch: true };

const look = async (name, settings, use) => {
  const context = await browser.newContext({ offline: true, ...settings });
  const page = await context.newPage();
  const wrong = [];
  page.on("pageerror", (error) => wrong.push(error.stack));
  page.on("console", (message) => message.type() === "error" && wrong.push(message.text()));
  page.on("dialog", (dialog) => wrong.push(`dialog: ${dialog.message()}`) && dialog.dismiss());
  page.on("request", (request) => request.url().startsWith("file:") || wrong.push(request.url()));
  await page.goto(`file://${file}`);
  await use(page);
  // Two frames: one that draws, one that shows.
  if (settings.javaScriptEnabled !== false) await page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));
  await page.screenshot({ path: `${folder}/${name}.png` });
  assert.deepEqual(wrong, [], name);
  await context.close();
};
/** The labels of a plot's axis are only in its pixels: compare these. */
const pixels = (page) => page.evaluate(() => document.querySelector(".recording:not([hidden]) .axis").toDataURL());
const frame = (page) => page.evaluate(() => new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done))));

await look("light", desk, async () => {});
await look("dark", { ...desk, colorScheme: "dark" }, async () => {});
await look("switched", desk, (page) => page.click("#theme"));
await look("phone", phone, async () => {});
await look("print", desk, (page) => page.emulateMedia({ media: "print" }));
await look("without-javascript", { ...desk, javaScriptEnabled: false }, async (page) => {
  assert.ok(await page.locator(".alerts tbody tr").first().isVisible());
});
await look("hover", desk, async (page) => {
  await page.locator(".plot").first().hover();
  await page.locator(".read", { hasText: "evidence" }).first().waitFor();
});
await look("zoom", desk, async (page) => {
  await frame(page);
  const whole = await pixels(page);
  await page.locator(".plot").first().scrollIntoViewIfNeeded();
  const box = await page.locator(".plot").first().boundingBox();
  await page.mouse.move(box.x + 0.5 * box.width, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + 0.6 * box.width, box.y + 70, { steps: 4 });
  await page.mouse.up();
  await frame(page);
  const part = await pixels(page);
  assert.ok(part !== whole, "a drag zooms");
  await page.keyboard.press("ArrowRight");
  await frame(page);
  assert.ok((await pixels(page)) !== part, "an arrow moves");
  await page.locator(".plot").first().dblclick();
  await frame(page);
  assert.ok((await pixels(page)) === whole, "a double-click shows all");
  await page.mouse.wheel(0, -300);
  await frame(page);
  assert.ok((await pixels(page)) !== whole, "the wheel zooms a plot that was clicked");
});
await look("alert", desk, async (page) => {
  const links = page.locator(".recording:not([hidden]) .alerts td.when a");
  if ((await links.count()) === 0) return;
  await links.first().click();
  assert.equal(await page.locator(".alerts tr.chosen").count(), 1);
  // It scrolls there.
  await page.waitForFunction(() => {
    const { top, bottom } = document.activeElement.getBoundingClientRect();
    return document.activeElement.className === "plot" && top >= 0 && bottom <= innerHeight;
  });
});
await look("filter", desk, async (page) => {
  if (!(await page.locator(".filter").isVisible())) return;
  await page.fill(".filter", "no such channel");
  assert.equal(await page.locator("article:visible").count(), 0);
  await page.fill(".filter", "");
  await page.selectOption(".sort", "name");
  assert.ok((await page.locator("article:visible").count()) > 1);
});
await browser.close();
