// Opens the page of examples/web in headless Chromium: a photo, then a broken one, then the camera. Prints JSON.
// node try_page.mjs PLAYWRIGHT CHROMIUM ADDRESS PHOTO BROKEN SCREENSHOT

const [playwright, executablePath, address, photo, broken, screenshot] = process.argv.slice(2);
const { chromium } = await import(playwright);
const args = [
  "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
  "--disable-component-update", "--disable-sync", "--use-fake-device-for-media-stream",
  "--use-fake-ui-for-media-stream",
];
const browser = await chromium.launch({ executablePath, args });
try {
  const page = await browser.newPage({ viewport: { width: 800, height: 600 } });
  const errors = [];
  page.on("pageerror", (error) => errors.push(error.message));
  const state = (wanted) => page.waitForSelector(`#status[data-state=${wanted}]`, { timeout: 60000 });
  const rows = () => page.$$eval("#answers tr", (found) => found.map((row) => [row.cells[0].textContent, Number(row.dataset.share)]));
  await page.goto(address);
  await state("waiting");
  await page.setInputFiles("#photo", photo);
  await state("ready");
  const answers = await rows();
  const { width, height } = await page.locator("#picture").boundingBox();
  await page.screenshot({ path: screenshot });
  await page.setInputFiles("#photo", broken);
  await state("error");
  const said = await page.textContent("#status");
  await page.click("#camera");
  await state("ready");
  const camera = await rows();
  await page.click("#camera");
  const refusal = async (model) => {
    await page.goto(`${address}?model=${model}`);
    await state("error");
    return page.textContent("#status");
  };
  const [missing, int8] = [await refusal("nowhere.tflite"), await refusal("int8.tflite")];
  console.log(JSON.stringify({ answers, width, height, camera, said, missing, int8, errors }));
} finally {
  await browser.close();
}
