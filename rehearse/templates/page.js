let still = false;
// A group is one film with whatever moves with it: a cursor over its curve, the tiles cut from it, the word "awake".
const groups = [...document.querySelectorAll("[data-last]")].map((root) => ({
  root,
  fps: Number(root.closest("[data-fps]").dataset.fps),
  video: root.querySelector("video"),
  last: Number(root.dataset.last),
  ownLast: Number(root.dataset.ownLast ?? root.dataset.last),
  wakesAt: Number(root.dataset.wakesAt ?? -1),
  tiles: [...root.querySelectorAll("canvas")].map((canvas) => ({ canvas, pen: canvas.getContext("2d") })),
  shown: -1,
}));

function show(group) {
  const { root, video, tiles, fps } = group;
  if (video.readyState < 2) return;
  const frame = video.currentTime * fps;
  root.style.setProperty("--t", Math.min(frame, group.ownLast) / group.last);
  root.classList.toggle("awake", group.wakesAt >= 0 && frame >= group.wakesAt);
  if (!tiles.length || group.shown === video.currentTime) return;
  group.shown = video.currentTime;
  for (const { canvas, pen } of tiles) {
    const [x, y, width, height] = canvas.dataset.from.split(" ").map(Number);
    pen.imageSmoothingEnabled = false;
    pen.drawImage(video, x, y, width, height, 0, 0, canvas.width, canvas.height);
  }
}

function everyFrame() {
  groups.forEach(show);
  requestAnimationFrame(everyFrame);
}
requestAnimationFrame(everyFrame);

// Drag along a curve to look at a moment; let go, and the film goes on.
for (const group of groups) {
  const curve = group.root.querySelector(".curve");
  if (!curve) continue;
  const seek = (event) => {
    if (event.type === "pointermove" && !event.buttons) return;
    const box = curve.getBoundingClientRect();
    const { left, width } = curve.dataset;
    const part = ((100 * (event.clientX - box.left)) / box.width - left) / width;
    group.video.pause();
    group.video.currentTime = (Math.min(Math.max(part, 0), 1) * group.last + 0.01) / group.fps;
  };
  curve.addEventListener("pointerdown", seek);
  curve.addEventListener("pointermove", seek);
  for (const name of ["pointerup", "pointerleave", "pointercancel"]) {
    curve.addEventListener(name, () => still || !group.video.paused || group.video.play().catch(() => {}));
  }
}

// The two films at the top have one length: what a person does to one is done to the other, and one that the browser
// had stopped out of sight comes back in step.
const pair = groups.filter(({ root }) => root.closest(".pair"));
for (const { root, video } of pair) {
  const touched = () => root.matches(":hover, :focus-within");
  for (const other of pair.filter((group) => group.root !== root).map((group) => group.video)) {
    video.addEventListener("play", () => {
      if (!other.paused) video.currentTime = other.currentTime;
      else if (touched()) other.play();
    });
    video.addEventListener("pause", () => touched() && other.pause());
    video.addEventListener("seeked", () => {
      if (touched() && Math.abs(other.currentTime - video.currentTime) > 0.15) other.currentTime = video.currentTime;
    });
  }
}

const button = document.getElementById("pause");
function setStill(value) {
  still = value;
  button.textContent = still ? "Play films" : "Pause films";
  for (const { video } of groups) {
    if (still) video.removeAttribute("autoplay");
    still ? video.pause() : video.play().catch(() => {});
  }
}
button.hidden = groups.length === 0;
button.addEventListener("click", () => setStill(!still));
if (matchMedia("(prefers-reduced-motion: reduce)").matches) setStill(true);
