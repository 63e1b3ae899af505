// The report: which figures and claims are shown and in which order, and the viewer of a figure.

const filters = find("#filters");
const cards = findAll(".card");
const claims = findAll(".claim");
const claimsOf = new Map(cards.map(({ dataset: { name } }) => [name, claims.filter((claim) => claim.dataset.figure === name)]));
const texts = new Map([...cards, ...claims].map((element) => [element, element.textContent.toLowerCase()]));
filters.hidden = false;
if (matchMedia("(max-width: 40rem)").matches) find(".choices").open = false;

/** Show what fits the filters, in the chosen order, and say how much that is. */
function show() {
  const form = new FormData(filters);
  const words = form.get("words").toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (element, key) => !form.has(key) || form.getAll(key).includes(element.dataset[key]);
  const says = (element) => words.every((word) => texts.get(element).includes(word));
  const isOf = (claim) => ["paper", "verdict", "origin"].every((key) => fits(claim, key));
  for (const claim of claims) claim.hidden = !(isOf(claim) && says(claim));
  for (const card of cards) {
    const own = claimsOf.get(card.dataset.name).filter(isOf);
    const judgedAs = !(form.has("verdict") || form.has("origin")) || own.length > 0;
    card.hidden = !(fits(card, "paper") && judgedAs && (says(card) || own.some(says)));
  }
  const key = form.get("sort").replace("-", "");
  const sign = form.get("sort").startsWith("-") ? -1 : 1;
  const compare = (a, b) => key === "name"
    ? a.dataset.name.localeCompare(b.dataset.name, "en", { numeric: true })
    : sign * (a.dataset[key] - b.dataset[key]) || a.dataset.order - b.dataset.order;
  for (const elements of [cards, claims]) {
    const sorted = [...elements].sort(compare);
    if (sorted.some((element, index) => element !== elements[index])) {
      elements.splice(0, Infinity, ...sorted);
      elements[0].parentElement.append(...elements);
    }
    const section = elements[0]?.closest("section");
    if (section) find(".nothing", section).hidden = elements.some((element) => !element.hidden);
  }
  const count = (elements, name) => `${elements.filter((element) => !element.hidden).length} of ${elements.length} ${name}`;
  find("#count").textContent = `${count(cards, "figures")}, ${count(claims, "claims")}`;
}
filters.addEventListener("input", show);
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("reset", () => setTimeout(show));

/** Choose the filters of a number of the tally. */
for (const button of findAll("[data-show]")) {
  button.addEventListener("click", () => {
    filters.reset();
    const chosen = { paper: [button.dataset.paper], verdict: [button.dataset.verdict],
      origin: button.dataset.whose === "theirs" ? ["paper"] : ["reading", "extension", "identity"] };
    for (const box of findAll("input[type=checkbox]", filters)) box.checked = chosen[box.name].includes(box.value);
    setTimeout(() => { show(); find("#claims").scrollIntoView(); });
  });
}

// ---- the viewer of a figure

const viewer = find("#viewer");
const stage = find("#stage");
let image = null;
let opener = null;
let zoom = 1;

/** The element of an address such as #figure-a: shown even if the filters hide it. */
function follow() {
  const [, what, name] = decodeURIComponent(location.hash).match(/^#(view|points|figure|claim)-(.*)$/) ?? [];
  const card = cards.find((each) => each.dataset.name === name);
  if ((what === "view" || what === "points") && card) return open(card, what === "points");
  if (viewer.open) viewer.close();
  const target = name && document.getElementById(`${what}-${name}`);
  if (target?.hidden) {
    filters.reset();
    show();
  }
  if (target) setTimeout(() => { target.scrollIntoView({ block: what === "claim" ? "center" : "start" }); find("a", target)?.focus({ preventScroll: true }); });
}

async function open(card, asked) {
  const name = card.dataset.name;
  find("#viewer-title").textContent = `${find("h3", card).textContent}: ${find(".title", card).textContent}`;
  const parts = findAll(":scope > .caption, :scope > .trained, :scope > .verdicts, :scope > .deviations, :scope > .saves", card)
    .map((part) => part.cloneNode(true));
  for (const part of parts) part.hidden = false;
  find("#beside").replaceChildren(...parts);
  find("#beside").scrollTop = 0;
  const seen = cards.filter((each) => !each.hidden || each === card);
  const at = seen.indexOf(card);
  find("#previous").href = `#view-${seen.at(at - 1).dataset.name}`;
  find("#next").href = `#view-${seen[(at + 1) % seen.length].dataset.name}`;
  const plotted = Boolean(find(".points", card)) && has(`${name}.json`);
  find("#points").hidden = !plotted;
  find("#points").setAttribute("aria-pressed", asked && plotted);
  find(".zoom", viewer).hidden = asked && plotted;
  stage.classList.toggle("asks", asked && plotted);
  if (!viewer.open) {
    opener = card;
    viewer.showModal();
    find("#viewer-title").focus();
  }
  await (asked && plotted ? plot(name) : draw(name, card));
}

/** Put the drawing on the stage; where it cannot be unpacked, the small picture. */
async function draw(name, card) {
  const asked = location.hash;
  const small = find("img", card);
  const drawing = new Image();
  drawing.alt = small.alt;
  drawing.draggable = false;
  drawing.src = has(`${name}.svg`) ? URL.createObjectURL(await unpacked(`${name}.svg`)) : small.src;
  await drawing.decode();
  if (location.hash !== asked) return; // the reader has gone on
  if (image) URL.revokeObjectURL(image.src);
  image = drawing;
  stage.replaceChildren(image);
  resize(1);
}

/** Make the picture so many times as large as fits, around a point of the window (its middle if none is given). */
function resize(factor, x, y) {
  const box = stage.getBoundingClientRect();
  const before = image.getBoundingClientRect();
  const fit = Math.min(box.width / image.naturalWidth, box.height / image.naturalHeight) * 0.98;
  const [atX, atY] = [x ?? box.left + box.width / 2, y ?? box.top + box.height / 2];
  const [shareX, shareY] = [(atX - before.left) / before.width, (atY - before.top) / before.height];
  zoom = Math.min(16, Math.max(1, factor));
  image.style.width = `${image.naturalWidth * fit * zoom}px`;
  const after = image.getBoundingClientRect();
  stage.scrollBy(after.left + shareX * after.width - atX, after.top + shareY * after.height - atY);
}

const drawn = () => viewer.open && image && !stage.classList.contains("asks");
const step = (direction) => resize(direction ? zoom * 1.5 ** direction : 1);
for (const button of findAll("[data-zoom]")) button.addEventListener("click", () => drawn() && step(Number(button.dataset.zoom)));
stage.addEventListener("wheel", (event) => {
  if (!drawn()) return;
  event.preventDefault();
  resize(zoom * 1.0015 ** -event.deltaY, event.clientX, event.clientY);
}, { passive: false });
viewer.addEventListener("keydown", (event) => {
  const direction = { "+": 1, "=": 1, "-": -1, 0: 0 }[event.key];
  if (direction !== undefined && drawn() && !event.ctrlKey && !event.metaKey) step(direction);
});
new ResizeObserver(() => drawn() && resize(zoom)).observe(stage);

// A mouse drags; a finger scrolls by itself, and two fingers zoom.
const fingers = new Map();
stage.addEventListener("pointerdown", (event) => {
  fingers.set(event.pointerId, event);
  if (drawn() && event.pointerType === "mouse") stage.setPointerCapture(event.pointerId);
});
stage.addEventListener("pointermove", (event) => {
  const last = fingers.get(event.pointerId);
  if (!last || !drawn()) return;
  const other = [...fingers.values()].find((each) => each.pointerId !== event.pointerId);
  if (other) {
    const distance = (each) => Math.hypot(each.clientX - other.clientX, each.clientY - other.clientY) || 1;
    resize(zoom * distance(event) / distance(last), (event.clientX + other.clientX) / 2, (event.clientY + other.clientY) / 2);
  } else if (event.pointerType === "mouse") {
    stage.scrollBy(last.clientX - event.clientX, last.clientY - event.clientY);
  }
  fingers.set(event.pointerId, event);
});
for (const ended of ["pointerup", "pointercancel", "pointerleave"]) {
  stage.addEventListener(ended, (event) => fingers.delete(event.pointerId));
}

let library = null;

/** Put the points on the stage, each of which says what it is under the pointer. */
async function plot(name) {
  const asked = location.hash;
  library ??= unpacked("bokeh.min.js").then(async (code) => {
    const script = document.createElement("script");
    script.textContent = await code.text();
    document.head.append(script);
  });
  const [item] = await Promise.all([unpacked(`${name}.json`).then((blob) => blob.text()), library]);
  if (location.hash !== asked) return;
  const place = Object.assign(document.createElement("div"), { id: "plot" });
  stage.replaceChildren(place);
  window.Bokeh.set_log_level("warn");
  await window.Bokeh.embed.embed_item(JSON.parse(item), place);
}

find("#points").addEventListener("click", () => {
  const asked = find("#points").getAttribute("aria-pressed") === "true";
  location.replace(location.hash.replace(/^#\w+/, asked ? "#view" : "#points"));
});
find("#close").addEventListener("click", () => viewer.close());
viewer.addEventListener("close", () => {
  if (!/^#(view|points)-/.test(location.hash)) return;
  history.replaceState(null, "", location.pathname + location.search);
  find(".picture", opener).focus();
});
addEventListener("hashchange", follow);
show();
follow();
