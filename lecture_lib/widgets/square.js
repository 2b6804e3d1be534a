// A picture of the unit square with a point on it: the browser moves the point, Python sets the arrow.

const KEYS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowDown: [0, -1], ArrowUp: [0, 1] };
const STEP = 0.02; // of the square's side, for one key

const picture = (address, alt, margin, side) => `
  <div class="course-square">
    <img src="${address}" alt="${alt}" draggable="false">
    <svg style="left: ${margin}px; top: ${margin}px" width="${side}" height="${side}">
      <line></line>
      <path d="M -12 -6 L 0 0 L -12 6 Z"></path>
      <circle r="9" tabindex="0" role="slider" aria-label="point"></circle>
    </svg>
  </div>`;

function set(element, attributes) {
  for (const [name, value] of Object.entries(attributes)) element.setAttribute(name, value);
}

function draw(model, side, { line, head, circle }) {
  const [x, y] = [model.get("value")[0] * side, (1 - model.get("value")[1]) * side]; // SVG counts from the top
  const [dx, dy] = [model.get("arrow")[0] * side, -model.get("arrow")[1] * side];
  const angle = (Math.atan2(dy, dx) * 180) / Math.PI;
  const words = model.get("value").map((coordinate) => coordinate.toFixed(2));
  set(circle, { cx: x, cy: y, "aria-valuetext": words.join(", ") });
  set(line, { x1: x, y1: y, x2: x + dx, y2: y + dy });
  set(head, { transform: `translate(${x + dx} ${y + dy}) rotate(${angle})` });
}

function render({ model, el }) {
  const [margin, side] = model.get("place");
  el.innerHTML = picture(model.get("picture"), model.get("alt"), margin, side);
  const [svg, line, head, circle] = ["svg", "line", "path", "circle"].map((name) => el.querySelector(name));
  const move = (x, y) => {
    model.set(
      "value",
      [x, y].map((coordinate) => Math.min(1, Math.max(0, coordinate))),
    );
    model.save_changes();
  };
  circle.addEventListener("pointerdown", (event) => circle.setPointerCapture(event.pointerId));
  circle.addEventListener("pointermove", (event) => {
    if (!circle.hasPointerCapture(event.pointerId)) return;
    const box = svg.getBoundingClientRect();
    move((event.clientX - box.left) / box.width, 1 - (event.clientY - box.top) / box.height);
  });
  circle.addEventListener("keydown", (event) => {
    if (!(event.key in KEYS)) return;
    event.preventDefault();
    event.stopPropagation(); // the notebook would go to the next cell
    move(...model.get("value").map((coordinate, axis) => coordinate + STEP * KEYS[event.key][axis]));
  });
  const redraw = () => draw(model, side, { line, head, circle });
  model.on("change:value change:arrow", redraw);
  redraw();
}

export default { render };
