"use strict";
// What every page of dropscape shares: the switch between day and night, and the packed files: unpack and save.

const find = (selector, within = document) => within.querySelector(selector);
const findAll = (selector, within = document) => [...within.querySelectorAll(selector)];

{
  const button = find("#theme");
  const dark = matchMedia("(prefers-color-scheme: dark)");
  const remembered = (theme) => {
    try {
      return theme ? localStorage.setItem("dropscape-theme", theme) : localStorage.getItem("dropscape-theme");
    } catch { // a browser may refuse a file a memory
      return null;
    }
  };
  const isDark = () => (document.documentElement.dataset.theme || (dark.matches ? "dark" : "light")) === "dark";
  const name = () => { button.textContent = isDark() ? "Light" : "Dark"; };
  if (remembered()) document.documentElement.dataset.theme = remembered();
  button.addEventListener("click", () => {
    document.documentElement.dataset.theme = isDark() ? "light" : "dark";
    remembered(document.documentElement.dataset.theme);
    name();
  });
  dark.addEventListener("change", name);
  button.hidden = false;
  name();
}

const canUnpack = "DecompressionStream" in window;
if (!canUnpack && find("#cannot-unpack")) find("#cannot-unpack").hidden = false;

/** The file of this page with a name, as a Blob. */
async function unpacked(name) {
  const script = find(`script[data-file="${CSS.escape(name)}"]`);
  const bytes = Uint8Array.from(atob(script.textContent), (character) => character.charCodeAt(0));
  const stream = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Blob([await new Response(stream).arrayBuffer()], { type: script.dataset.type });
}

/** Whether this page holds the file and the browser can unpack it. */
const has = (name) => canUnpack && Boolean(find(`script[data-file="${CSS.escape(name)}"]`));

function save(blob, name) {
  const link = Object.assign(document.createElement("a"), { href: URL.createObjectURL(blob), download: name });
  link.click();
  setTimeout(() => URL.revokeObjectURL(link.href), 60000);
}

/** A drawing as a PNG of 200 dots per inch on white. */
async function asPng(drawing) {
  const image = new Image();
  image.src = URL.createObjectURL(drawing);
  await image.decode();
  const canvas = document.createElement("canvas");
  canvas.width = Math.round(image.naturalWidth * 200 / 96);
  canvas.height = Math.round(image.naturalHeight * 200 / 96);
  const context = canvas.getContext("2d");
  context.fillStyle = "#fff";
  context.fillRect(0, 0, canvas.width, canvas.height);
  context.drawImage(image, 0, 0, canvas.width, canvas.height);
  URL.revokeObjectURL(image.src);
  return new Promise((resolve) => canvas.toBlob(resolve, "image/png"));
}

document.addEventListener("click", async (event) => {
  const { save: name, savePng: drawing } = event.target.closest("button")?.dataset ?? {};
  if (!canUnpack) return;
  if (name) save(await unpacked(name), name);
  if (drawing) save(await asPng(await unpacked(drawing)), drawing.replace(/svg$/, "png"));
});
