// A photo or the camera in, attributes out; pixels are 0..255, the model normalises them itself.

import { Tensor, loadAndCompile, loadLiteRt } from "@litertjs/core";
import { associatedFile } from "./labels.js";

const element = (id) => document.getElementById(id);
const canvas = element("picture"), video = element("video");
const context = canvas.getContext("2d", { willReadFrequently: true });

function say(text, state) {
  element("status").textContent = text;
  element("status").dataset.state = state;
}

async function load() {
  const file = new URLSearchParams(location.search).get("model") ?? "model.tflite";
  const [response] = await Promise.all([fetch(file), loadLiteRt("./node_modules/@litertjs/core/wasm/")]);
  if (!response.ok) throw new Error(`${file}: ${response.status} ${response.statusText}`);
  const bytes = new Uint8Array(await response.arrayBuffer());
  const labels = associatedFile(bytes, "labels.txt")?.trimEnd().split("\n");
  if (!labels) throw new Error(`${file} has no labels in it; make it with tfslim export`);
  // LiteRT.js refuses int8 at the ends of a file before these can be looked at.
  const model = await loadAndCompile(bytes, { accelerator: "wasm" }).catch((error) => {
    throw new Error(`${file}: ${error.message ?? error} (It has to be converted with --io float32.)`);
  });
  const input = model.getInputDetails()[0];
  if (input.dtype !== "float32") throw new Error(`${file} takes ${input.dtype}; convert it with --io float32`);
  [, canvas.height, canvas.width] = input.shape;
  return { model, labels, shape: [...input.shape] };
}

/** The likelihood of each label for what is on the canvas, and the time of the run in milliseconds. */
async function answers({ model, labels, shape }) {
  const rgba = context.getImageData(0, 0, canvas.width, canvas.height).data;
  const pixels = Float32Array.from({ length: shape[1] * shape[2] * 3 }, (_, at) => rgba[4 * Math.floor(at / 3) + (at % 3)]);
  const tensor = new Tensor(pixels, shape);
  const start = performance.now();
  const [output] = await model.run([tensor]);
  const logits = await output.data();
  const time = performance.now() - start;
  const shares = labels.map((label, index) => [label, 1 / (1 + Math.exp(-logits[index]))]);
  tensor.delete();
  output.delete();
  return { shares: shares.sort((one, other) => other[1] - one[1]), time };
}

function show({ shares, time }) {
  element("answers").replaceChildren(...shares.map(([label, share]) => {
    const row = document.createElement("tr");
    row.dataset.share = share;
    const cells = ["label", "bar", "share"].map((name) => Object.assign(row.insertCell(), { className: name }));
    cells[0].textContent = label.replaceAll("_", " ");
    cells[1].append(Object.assign(document.createElement("span"), { style: `width: ${100 * share}%` }));
    cells[2].textContent = `${(100 * share).toFixed(1)} %`;
    return row;
  }));
  say(`${time.toFixed(1)} ms`, "ready");
}

/** The middle part of a photo or video, in the model's proportions. */
function drawMiddle(source) {
  const [width, height] = [source.videoWidth ?? source.width, source.videoHeight ?? source.height];
  const scale = Math.max(canvas.width / width, canvas.height / height);
  const [wide, high] = [scale * width, scale * height];
  context.drawImage(source, (canvas.width - wide) / 2, (canvas.height - high) / 2, wide, high);
}

async function label(loaded, source) {
  drawMiddle(source);
  show(await answers(loaded));
}

async function startCamera(loaded) {
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: { facingMode: "user" } });
  await video.play();
  while (video.srcObject) {
    await label(loaded, video);
    await new Promise(requestAnimationFrame);
  }
}

function stopCamera() {
  video.srcObject?.getTracks().forEach((track) => track.stop());
  video.srcObject = null;
}

const fail = (error) => say(error.message ?? String(error), "error");

load().then((loaded) => {
  say("Choose a photo, or start the camera.", "waiting");
  element("photo").addEventListener("change", async ({ target }) => {
    stopCamera();
    if (target.files.length) await createImageBitmap(target.files[0]).then((photo) => label(loaded, photo)).catch(fail);
  });
  element("camera").addEventListener("click", () => (video.srcObject ? stopCamera() : startCamera(loaded).catch(fail)));
}).catch(fail);
