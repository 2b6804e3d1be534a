// Shows a piece of HTML once its pictures are decoded, so that nothing flickers; and helps keyboard and screen reader.

const PATIENCE = 1000; // milliseconds: out of sight, decoding may never end

const later = () => new Promise((resolve) => setTimeout(resolve, PATIENCE));

// For screen readers: the words beside a slider or a bar are its name.
function nameControls(stage) {
  for (const bar of stage.querySelectorAll(".progress")) bar.setAttribute("role", "progressbar");
  for (const control of stage.querySelectorAll(".widget-slider, .widget-hprogress")) {
    const words = control.querySelector("label").textContent;
    control.querySelector("[role]")?.setAttribute("aria-label", words);
  }
}

function render({ model, el }) {
  let newest = 0;
  const show = async () => {
    newest += 1;
    const mine = newest;
    const next = document.createElement("div");
    next.innerHTML = model.get("value");
    const decoded = Promise.allSettled([...next.querySelectorAll("img")].map((image) => image.decode()));
    await Promise.race([decoded, later()]);
    if (mine === newest) el.replaceChildren(next);
  };
  const stage = () => el.closest(".stage");
  // JupyterLab has shortcuts for plain keys: they are for the control that has the focus.
  const keepKeys = ({ target, shiftKey, ctrlKey, metaKey }) => {
    if (stage()?.contains(target)) {
      target.toggleAttribute("data-lm-suppress-shortcuts", !(shiftKey || ctrlKey || metaKey));
    }
  };
  window.addEventListener("keydown", keepKeys, true);
  const sizes = new ResizeObserver(() => stage() && nameControls(stage()));
  sizes.observe(el); // also called when this element is put into the page
  model.on("change:value", show);
  show();
  return () => {
    window.removeEventListener("keydown", keepKeys, true);
    sizes.disconnect();
  };
}

export default { render };
