// Starts a deck once its formulas are drawn and its fonts are there.

// Sizes of text, in pixels of a page of 1280 × 720: so much larger than usual. The largest code with which everything
// fits is taken, then the largest prose; lines of code are wrapped only if nothing else helps, and only small ones.
const usual = (name) =>
  Number.parseFloat(getComputedStyle(document.documentElement).getPropertyValue(`--course-${name}-size`));
const CODE = [6, 4, 2, 0, -1].map((more) => usual("small") + more);
const PROSE = [10, 6, 3, 0].map((more) => usual("prose") + more);
const LARGEST_WRAPPED = usual("small") + 2;

function fit(slide) {
  const page = slide?.querySelector(".page");
  const parts = page ? [page, ...page.querySelectorAll("pre")] : [];
  const fits = (part) => part.scrollHeight <= part.clientHeight + 1 && part.scrollWidth <= part.clientWidth + 1;
  for (const wrap of page ? ["pre", "pre-wrap"] : []) {
    for (const code of CODE.filter((size) => wrap === "pre" || size <= LARGEST_WRAPPED)) {
      for (const prose of PROSE) {
        page.style.cssText = `--prose: ${prose}px; --code: ${code}px; --wrap: ${wrap}`;
        if (parts.every(fits)) return;
      }
    }
  }
}

function start() {
  Reveal.on("ready", (event) => fit(event.currentSlide));
  Reveal.on("slidechanged", (event) => fit(event.currentSlide));
  document.addEventListener("toggle", () => fit(Reveal.getCurrentSlide()), true);
  return Reveal.initialize({
    width: 1280,
    height: 720,
    margin: 0,
    center: false,
    transition: "none",
    hash: true,
    slideNumber: "c/t",
    plugins: [RevealNotes],
  });
}

window.MathJax = {
  loader: { load: [] },
  tex: { inlineMath: [["$", "$"]], processEscapes: true },
  svg: { fontCache: "local" }, // the speaker view gets copies of single formulas
  options: { enableMenu: false },
  startup: {
    pageReady: () =>
      MathJax.startup
        .defaultPageReady()
        .then(() => Promise.all([...document.fonts].map((font) => font.load())))
        .then(start),
  },
};
